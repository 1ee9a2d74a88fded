/** Queries over windows of time. */
import { hopping, session, tumbling, type WindowResult } from 'dure/stream'
import type { Bid } from '../events.ts'
import { bidsByClock } from './keyed.ts'
import { auctions, bids, corrected, persons, tabled, type Query } from './query.ts'

/** The auctions of a window by how many bids they had, so that the most are found without looking at all. */
type Counted = { readonly by: Map<number, Set<string>>; most: number }
type Count = WindowResult<number>

export const q5 = (): Query =>
  tabled(
    'q5',
    bids()
      .keyBy(({ auction }) => auction)
      .window(hopping('10s', { every: '2s' }), corrected)
      .count({ name: 'bids-of-auctions' })
      .groupBy(({ start }) => start)
      .aggregate({
        name: 'q5',
        init: (): Counted => ({ by: new Map(), most: 0 }),
        add: (counted, { key, value }: Count) => {
          const same = counted.by.get(value) ?? new Set()
          counted.by.set(value, same.add(key))
          counted.most = Math.max(counted.most, value)
          return counted
        },
        remove: (counted, { key, value }: Count) => {
          counted.by.get(value)!.delete(key)
          while (counted.most > 0 && (counted.by.get(counted.most)?.size ?? 0) === 0) counted.most--
          return counted
        },
      }),
    ({ by, most }, start) => [...(by.get(most) ?? [])].map((auction) => [Number(auction), most, Number(start)]),
  )

export const q7 = (): Query =>
  tabled(
    'q7',
    bids()
      // One key: the highest of all.
      .keyBy(() => 'all')
      .window(tumbling('10s'), corrected)
      .aggregate({
        name: 'q7',
        init: (): readonly Bid[] => [],
        add: (highest, bid) => {
          const most = highest[0]?.price ?? 0
          if (bid.price < most) return highest
          return bid.price === most ? [...highest, bid] : [bid]
        },
      }),
    ({ value }) => value.map(({ auction, price, bidder, dateTime }) => [auction, price, bidder, dateTime]),
  )

export const q8 = (): Query =>
  tabled(
    'q8',
    persons()
      .byKey()
      .window(tumbling('10s'), corrected)
      .reduce({ name: 'new-persons', reduce: (_, latest) => latest })
      .join(
        auctions()
          .keyBy(({ seller }) => seller)
          .window(tumbling('10s'), corrected)
          .count({ name: 'sellers' }),
        { name: 'q8', join: ({ value: { id, name }, start }) => ({ id, name, start }) },
      ),
    ({ id, name, start }) => [[id, name, start]],
  )

export const q11 = (): Query =>
  tabled(
    'q11',
    bids()
      .keyBy(({ bidder }) => bidder)
      .window(session('10s'), corrected)
      .count({ name: 'q11' }),
    ({ key, value, start, end }) => [[Number(key), value, start, end]],
  )

export const q12 = (): Query =>
  tabled(
    'q12',
    bidsByClock()
      .keyBy(({ bidder }) => bidder)
      .window(tumbling('10s'), { late: 'drop' })
      .count({ name: 'q12' }),
    ({ key, value, start, end }) => [[Number(key), value, start, end]],
  )
