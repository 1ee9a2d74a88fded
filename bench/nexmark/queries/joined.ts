/** Queries that put auctions, bids and persons together. */
import { table, type Keyed } from 'dure/stream'
import { AuctionOpened, PersonSeen } from '../contract.ts'
import type { Auction, Bid } from '../events.ts'
import type { Row } from '../rows.ts'
import { auctions, bids, patient, published, tabled, type Query } from './query.ts'

const STATES: ReadonlySet<string> = new Set(['or', 'id', 'ca'])

export const q3 = (): Query =>
  tabled(
    'q3',
    table(AuctionOpened)
      .filter(({ category }) => category === 10)
      .join(
        table(PersonSeen).filter(({ state }) => STATES.has(state)),
        {
          name: 'q3',
          on: ({ seller }) => String(seller),
          join: ({ id }, { name, city, state }): Row => [name, city, state, id],
        },
      ),
    (row) => [row],
  )

type Valid = { readonly auction: Auction; readonly bid: Bid }

/** Bids with their auction that came while it was open. An auction is open for a third of a second, or twenty in the tables of others. */
function validBids(): Keyed<Valid> {
  return bids(patient)
    .byKey()
    .join(auctions(patient).byKey(), {
      ...{ name: 'bids-with-auction', within: { before: '30s', after: 0 }, late: 'drop' },
      join: (bid, auction) => ({ auction, bid }),
    })
    .filter(({ auction, bid }) => bid.dateTime >= auction.dateTime && bid.dateTime <= auction.expires)
}

export const q4 = (): Query =>
  tabled(
    'q4',
    validBids()
      .reduce({ name: 'closing-price', reduce: (one, other) => (other.bid.price > one.bid.price ? other : one) })
      .groupBy(({ auction }) => auction.category)
      .aggregate({
        name: 'q4',
        init: () => ({ sum: 0, count: 0 }),
        add: ({ sum, count }, { bid }: Valid) => ({ sum: sum + bid.price, count: count + 1 }),
        remove: ({ sum, count }, { bid }: Valid) => ({ sum: sum - bid.price, count: count - 1 }),
      }),
    ({ sum, count }, category) => [[Number(category), sum / count]],
  )

const byTime = ({ bid: one }: Valid, { bid: other }: Valid): number =>
  one.dateTime - other.dateTime || (one.extra < other.extra ? -1 : 1)

export const q6 = (): Query =>
  tabled(
    'q6',
    validBids()
      .reduce({
        name: 'lowest-bid',
        reduce: (one, other) => ((other.bid.price - one.bid.price || byTime(other, one)) < 0 ? other : one),
      })
      .groupBy(({ auction }) => auction.seller)
      .aggregate({
        name: 'q6',
        init: () => new Map<number, Valid>(),
        add: (closed, one: Valid) => closed.set(one.auction.id, one),
        remove: (closed, { auction }: Valid) => {
          closed.delete(auction.id)
          return closed
        },
      }),
    (closed, seller) => {
      const all = [...closed.values()].toSorted(
        (one, other) => one.bid.dateTime - other.bid.dateTime || one.auction.id - other.auction.id,
      )
      return all.map((_, at): Row => {
        const last = all.slice(Math.max(0, at - 10), at + 1)
        return [Number(seller), last.reduce((sum, { bid }) => sum + bid.price, 0) / last.length]
      })
    },
  )

export const q9 = (): Query =>
  tabled(
    'q9',
    validBids().reduce({
      name: 'q9',
      reduce: (one, other) => ((one.bid.price - other.bid.price || byTime(other, one)) < 0 ? other : one),
    }),
    ({ auction: { id, itemName, description, initialBid, reserve, dateTime, expires, seller, category }, bid }) => [
      [
        ...[id, itemName, description, initialBid, reserve, dateTime, expires, seller, category],
        ...[bid.auction, bid.bidder, bid.price, bid.dateTime],
      ],
    ],
  )

type Either = { readonly bid?: Bid; readonly auction?: Auction }

export const q20 = (): Query =>
  published(
    'q20',
    bids()
      .byKey()
      .map((bid): Either => ({ bid }))
      .merge(
        auctions()
          .byKey()
          .map((auction): Either => ({ auction })),
      )
      // Whichever comes first waits for the other, however long: no window has both.
      .process<{ readonly auction: Auction | undefined; readonly waiting: readonly Bid[] }, Row>({
        name: 'q20',
        on: (state = { auction: undefined, waiting: [] }, { bid, auction }, { emit }) => {
          if (bid !== undefined && state.auction === undefined) return { ...state, waiting: [...state.waiting, bid] }
          const known = auction ?? state.auction!
          if (known.category === 10) for (const one of bid === undefined ? state.waiting : [bid]) emit(joined(one, known))
          return { auction: known, waiting: [] }
        },
      }),
  )

function joined(bid: Bid, auction: Auction): Row {
  return [
    ...[bid.auction, bid.bidder, bid.price, bid.channel, bid.url, bid.dateTime, bid.extra],
    ...[auction.itemName, auction.description, auction.initialBid, auction.reserve, auction.dateTime, auction.expires],
    ...[auction.seller, auction.category, auction.extra],
  ]
}
