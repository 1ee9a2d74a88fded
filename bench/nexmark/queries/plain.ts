/** Queries that need no state: each row is of one bid. */
import type { Stream } from 'dure/stream'
import type { Bid } from '../events.ts'
import type { Row } from '../rows.ts'
import { bids, dayOf, minuteOf, published, type Query } from './query.ts'

const row = (change: (bid: Bid) => Row, of: Stream<Bid> = bids()): Stream<Row> => of.map(change)

export const q0 = (): Query =>
  published(
    'q0',
    row(({ auction, bidder, price, dateTime }) => [auction, bidder, price, dateTime]),
  )

/** Dollars as euros; thousandths of cents are whole numbers, and quotients of them what the decimal says. */
const inEuros = (price: number): number => (price * 908) / 1000

export const q1 = (): Query =>
  published(
    'q1',
    row(({ auction, bidder, price, dateTime }) => [auction, bidder, inEuros(price), dateTime]),
  )

const SOUGHT: ReadonlySet<number> = new Set([1007, 1020, 2001, 2019, 2087])

export const q2 = (): Query =>
  published(
    'q2',
    row(
      ({ auction, price }) => [auction, price],
      bids().filter(({ auction }) => SOUGHT.has(auction)),
    ),
  )

export const q10 = (): Query =>
  published(
    'q10',
    row(({ auction, bidder, price, dateTime }) => [auction, bidder, price, dateTime, dayOf(dateTime), minuteOf(dateTime)]),
  )

export const q14 = (): Query =>
  published(
    'q14',
    row(
      ({ auction, bidder, price, dateTime, extra }) => [
        ...[auction, bidder, inEuros(price), timeOfDay(dateTime), dateTime],
        extra.split('c').length - 1,
      ],
      bids().filter(({ price }) => inEuros(price) > 1_000_000 && inEuros(price) < 50_000_000),
    ),
  )

function timeOfDay(dateTime: number): string {
  const hour = new Date(dateTime).getUTCHours()
  if (hour >= 8 && hour <= 18) return 'dayTime'
  return hour <= 6 || hour >= 20 ? 'nightTime' : 'otherTime'
}

const HOT: ReadonlyMap<string, string> = new Map([
  ['apple', '0'],
  ['google', '1'],
  ['facebook', '2'],
  ['baidu', '3'],
])

export const q21 = (): Query =>
  published(
    'q21',
    bids().flatMap(({ auction, bidder, price, channel, url }): readonly Row[] => {
      const id = HOT.get(channel.toLowerCase()) ?? /(?:&|^)channel_id=([^&]*)/.exec(url)?.[1]
      return id === undefined ? [] : [[auction, bidder, price, channel, id]]
    }),
  )

export const q22 = (): Query =>
  published(
    'q22',
    row(({ auction, bidder, price, channel, url }) => {
      const parts = url.split('/')
      return [auction, bidder, price, channel, parts[3]!, parts[4]!, parts[5]!]
    }),
  )
