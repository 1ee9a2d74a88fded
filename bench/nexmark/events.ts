/**
 * The events of Nexmark, an auction house: fifty of them are one person, three auctions and forty-six bids. The n-th is the same
 * in every run, because n is the seed of its numbers. It follows nexmark-rs 0.2 (Apache-2.0) draw by draw, so that whoever has
 * that generator gets the same rows.
 */
import { random, type Random } from './random.ts'

export type Person = {
  readonly id: number
  readonly name: string
  readonly emailAddress: string
  readonly creditCard: string
  readonly city: string
  readonly state: string
  /** Milliseconds since 1970, as all times here. */
  readonly dateTime: number
  readonly extra: string
}

export type Auction = {
  readonly id: number
  readonly itemName: string
  readonly description: string
  /** Cents, as all prices here. */
  readonly initialBid: number
  readonly reserve: number
  readonly dateTime: number
  readonly expires: number
  readonly seller: number
  readonly category: number
  readonly extra: string
}

export type Bid = {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly channel: string
  readonly url: string
  readonly dateTime: number
  readonly extra: string
}

export type NexmarkEvent =
  | { readonly kind: 'person'; readonly value: Person }
  | { readonly kind: 'auction'; readonly value: Auction }
  | { readonly kind: 'bid'; readonly value: Bid }

/** When the first event happens, unless it is said otherwise: a Wednesday in July, as in the tables of others. */
export const BASE_TIME: number = Date.UTC(2015, 6, 15)

const OF_FIFTY = { persons: 1, auctions: 3, all: 50 } as const
const FIRST_ID = 1000
const FIRST_CATEGORY = 10
const CATEGORIES = 5
/** Ten thousand events a second. */
const EVENT_MICROSECONDS = 100
const ACTIVE_PEOPLE = 1000
const AUCTIONS_OPEN = 100
/** How many ids may be named before what they stand for is there. */
const LEAD = 10
/** The hot one of a batch is its first, or its second where two kinds must differ. */
const BATCH = 100
const SIZES = { person: 200, auction: 500, bid: 100 } as const

const STATES = ['az', 'ca', 'id', 'or', 'wa', 'wy'] as const
const CITIES = 'phoenix,los angeles,san francisco,boise,portland,bend,redmond,seattle,kent,cheyenne'.split(',')
const FIRST_NAMES = 'peter,paul,luke,john,saul,vicky,kate,julie,sarah,deiter,walter'.split(',')
const LAST_NAMES = 'shultz,abrams,spencer,white,bartels,walton,smith,jones,noris'.split(',')
const HOT_CHANNELS = ['Google', 'Facebook', 'Baidu', 'Apple'] as const
const CHANNELS = 10_000

/** The n-th event, n from 0. */
export function nexmarkEvent(n: number, baseTime: number = BASE_TIME): NexmarkEvent {
  const place = n % OF_FIFTY.all
  if (place < OF_FIFTY.persons) return { kind: 'person', value: person(n, baseTime) }
  if (place < OF_FIFTY.persons + OF_FIFTY.auctions) return { kind: 'auction', value: auction(n, baseTime) }
  return { kind: 'bid', value: bid(n, baseTime) }
}

/** When the n-th event happens. The rounding is that of numbers of 32 bits, which the generator takes. */
export function timeOf(n: number, baseTime: number = BASE_TIME): number {
  return baseTime + Math.round(Math.fround(Math.fround(Math.fround(n) * EVENT_MICROSECONDS) / 1000))
}

function person(n: number, baseTime: number): Person {
  const draws = random(n)
  const name = `${one(FIRST_NAMES, draws)} ${one(LAST_NAMES, draws)}`
  const emailAddress = `${draws.letters(7)}@${draws.letters(5)}.com`
  const creditCard = [0, 1, 2, 3].map(() => String(draws.below32(10_000)).padStart(4, '0')).join(' ')
  const city = one(CITIES, draws)
  const state = one(STATES, draws)
  const size = 8 + name.length + emailAddress.length + creditCard.length + city.length + state.length
  return {
    id: lastPerson(n) + FIRST_ID,
    name,
    emailAddress,
    creditCard,
    city,
    state,
    dateTime: timeOf(n, baseTime),
    extra: extra(draws, size, SIZES.person),
  }
}

function auction(n: number, baseTime: number): Auction {
  const draws = random(n)
  const dateTime = timeOf(n, baseTime)
  const itemName = draws.letters(20)
  const description = draws.letters(100)
  const initialBid = price(draws)
  const reserve = initialBid + price(draws)
  const horizon = timeOf(n + Math.floor((AUCTIONS_OPEN * OF_FIFTY.all) / OF_FIFTY.auctions), baseTime) - dateTime
  const expires = dateTime + 1 + draws.below64(Math.max(horizon * 2, 1))
  const seller = (draws.below64(4) > 0 ? Math.floor(lastPerson(n) / BATCH) * BATCH : anyPerson(n, draws)) + FIRST_ID
  const category = FIRST_CATEGORY + draws.below64(CATEGORIES)
  const size = 8 + itemName.length + description.length + 40
  return {
    id: lastAuction(n) + FIRST_ID,
    itemName,
    description,
    initialBid,
    reserve,
    dateTime,
    expires,
    seller,
    category,
    extra: extra(draws, size, SIZES.auction),
  }
}

function bid(n: number, baseTime: number): Bid {
  const draws = random(n)
  const item = draws.below64(2) > 0 ? Math.floor(lastAuction(n) / BATCH) * BATCH : anyAuction(n, draws)
  const bidder = draws.below64(4) > 0 ? Math.floor(lastPerson(n) / BATCH) * BATCH + 1 : anyPerson(n, draws)
  const amount = price(draws)
  const hot = draws.below64(2) > 0 ? draws.below64(HOT_CHANNELS.length) : undefined
  const index = hot ?? draws.below32(CHANNELS)
  return {
    auction: item + FIRST_ID,
    bidder: bidder + FIRST_ID,
    price: amount,
    channel: hot === undefined ? `channel-${index}` : HOT_CHANNELS[hot]!,
    url: hot === undefined ? channelUrl(index) : baseUrl(index),
    dateTime: timeOf(n, baseTime),
    extra: extra(draws, 32, SIZES.bid),
  }
}

/** The newest person (from 0) when the n-th event is made. */
function lastPerson(n: number): number {
  return Math.floor(n / OF_FIFTY.all)
}

function anyPerson(n: number, draws: Random): number {
  const people = lastPerson(n) + 1
  const active = Math.min(people, ACTIVE_PEOPLE)
  return people - active + draws.below64(active + LEAD)
}

/** The newest auction (from 0) when the n-th event, which is no person, is made. */
function lastAuction(n: number): number {
  const place = Math.min(n % OF_FIFTY.all, OF_FIFTY.persons + OF_FIFTY.auctions - 1) - OF_FIFTY.persons
  return Math.floor(n / OF_FIFTY.all) * OF_FIFTY.auctions + place
}

function anyAuction(n: number, draws: Random): number {
  const newest = lastAuction(n)
  const oldest = Math.max(newest - AUCTIONS_OPEN, 0)
  return oldest + draws.below64(newest - oldest + 1 + LEAD)
}

function one(list: readonly string[], draws: Random): string {
  return list[draws.below32(list.length)]!
}

function price(draws: Random): number {
  const power = Math.fround(10 ** Math.fround(draws.float32() * 6))
  return Math.round(Math.fround(power * 100))
}

/** What fills an event up to its size, give or take a fifth. */
function extra(draws: Random, size: number, wanted: number): string {
  if (size > wanted) return ''
  const missing = wanted - size
  const spread = Math.floor((missing + 2) / 5)
  return draws.letters(missing - spread + (spread === 0 ? 0 : draws.below64(2 * spread)))
}

const urls = new Map<number, string>()

function baseUrl(index: number): string {
  const known = urls.get(index)
  if (known !== undefined) return known
  const draws = random(index)
  const part = (): string => {
    let text = ''
    const length = 3 + draws.below64(2)
    for (let at = 0; at < length; at += 1) text += draws.below32(13) === 0 ? '_' : String.fromCharCode(draws.letter())
    return text
  }
  const url = `https://www.nexmark.com/${part()}/${part()}/${part()}/item.htm?query=1`
  urls.set(index, url)
  return url
}

/** Nine of ten channels tell their number in the address: its bits, turned round. */
function channelUrl(index: number): string {
  const url = baseUrl(index)
  if (random(index).below32(10) === 0) return url
  let turned = 0
  for (let bit = 0; bit < 32; bit += 1) if ((index & (1 << bit)) !== 0) turned |= 1 << (31 - bit)
  return `${url}&channel_id=${Math.abs(turned)}`
}
