/** Queries with one state for each key, of all that ever came. */
import { stream, table } from 'dure/stream'
import { BidMade, SideInput } from '../contract.ts'
import type { Bid } from '../events.ts'
import type { Row } from '../rows.ts'
import { bids, dayOf, hasty, minuteOf, published, tabled, type Query } from './query.ts'

/** How many, and how many different bidders and auctions: of all, and by three ranks of price. */
type Ranks = {
  readonly bids: number[]
  readonly bidders: (Set<number> | undefined)[]
  readonly auctions: (Set<number> | undefined)[]
  latest: number
}

const rankOf = (price: number): 1 | 2 | 3 => (price < 10_000 ? 1 : price < 1_000_000 ? 2 : 3)
const ranking = {
  init: (): Ranks => ({ bids: [0, 0, 0, 0], bidders: [], auctions: [], latest: 0 }),
  add: (ranks: Ranks, { price, bidder, auction, dateTime }: Bid): Ranks => {
    for (const rank of [0, rankOf(price)]) {
      ranks.bids[rank]!++
      ;(ranks.bidders[rank] ??= new Set()).add(bidder)
      ;(ranks.auctions[rank] ??= new Set()).add(auction)
    }
    ranks.latest = Math.max(ranks.latest, dateTime)
    return ranks
  },
}
const counts = ({ bids: all, bidders, auctions }: Ranks): number[] => [
  ...all,
  ...[0, 1, 2, 3].map((rank) => bidders[rank]?.size ?? 0),
  ...[0, 1, 2, 3].map((rank) => auctions[rank]?.size ?? 0),
]

export const q15 = (): Query =>
  tabled(
    'q15',
    bids()
      .keyBy(({ dateTime }) => dayOf(dateTime))
      .aggregate({ name: 'q15', ...ranking }),
    (ranks, day) => [[day, ...counts(ranks)]],
  )

export const q16 = (): Query =>
  tabled(
    'q16',
    bids()
      .keyBy(({ channel, dateTime }) => `${dayOf(dateTime)} ${channel}`)
      .aggregate({ name: 'q16', ...ranking }),
    // The channel of a key stands behind its day. A day has one latest minute.
    (ranks, key) => [[key.slice(11), key.slice(0, 10), minuteOf(ranks.latest), ...counts(ranks)]],
  )

type Prices = { readonly bids: number[]; least: number; most: number; sum: number }

export const q17 = (): Query =>
  tabled(
    'q17',
    bids()
      .keyBy(({ auction, dateTime }) => `${dayOf(dateTime)} ${auction}`)
      .aggregate({
        name: 'q17',
        init: (): Prices => ({ bids: [0, 0, 0, 0], least: Infinity, most: -Infinity, sum: 0 }),
        add: (prices, { price }) => {
          prices.bids[0]!++
          prices.bids[rankOf(price)]!++
          prices.least = Math.min(prices.least, price)
          prices.most = Math.max(prices.most, price)
          prices.sum += price
          return prices
        },
      }),
    ({ bids: all, least, most, sum }, key) => [
      [Number(key.slice(11)), key.slice(0, 10), ...all, least, most, sum / all[0]!, sum],
    ],
  )

/** Texts in the order of their letters, whatever the language of the machine. */
const inOrder = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)

export const q18 = (): Query =>
  tabled(
    'q18',
    bids()
      .keyBy(({ bidder, auction }) => `${bidder} ${auction}`)
      .reduce({
        name: 'q18',
        reduce: (one, other) => ((other.dateTime - one.dateTime || inOrder(one.extra, other.extra)) > 0 ? other : one),
      }),
    ({ auction, bidder, price, channel, url, dateTime, extra }) => [[auction, bidder, price, channel, url, dateTime, extra]],
  )

const best = (one: Bid, other: Bid): number =>
  other.price - one.price || one.dateTime - other.dateTime || inOrder(one.extra, other.extra)

export const q19 = (): Query =>
  tabled(
    'q19',
    bids()
      .keyBy(({ auction }) => auction)
      // `top` takes the earlier comer of two that are alike, and here their times say which.
      .aggregate({
        name: 'q19',
        init: (): readonly Bid[] => [],
        add: (top, bid) => {
          if (top.length === 10 && best(top[9]!, bid) < 0) return top
          return [...top, bid].toSorted(best).slice(0, 10)
        },
      }),
    (top) =>
      top.map(({ auction, bidder, price, channel, url, dateTime, extra }, at): Row => [
        ...[auction, bidder, price, channel, url, dateTime, extra],
        at + 1,
      ]),
  )

/** By the clock when a bid came in, which is its message's time. */
export const bidsByClock = (): ReturnType<typeof bids> => stream(BidMade, hasty)

export const q13 = (): Query =>
  published(
    'q13',
    bids()
      .keyBy(({ auction }) => auction % 10_000)
      .join(table(SideInput), {
        name: 'q13',
        join: ({ auction, bidder, price, dateTime }, { value }): Row => [auction, bidder, price, dateTime, value],
      }),
  )
