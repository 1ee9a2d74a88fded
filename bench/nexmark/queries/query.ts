import { stream, topology, type Output, type SourceOptions, type Stream, type Table, type Topology } from 'dure/stream'
import { Answered, AuctionOpened, BidMade, PersonSeen } from '../contract.ts'
import type { Auction, Bid, Person } from '../events.ts'
import type { Row } from '../rows.ts'
import type { QueryName } from '../sql.ts'

/** A query of Nexmark as a topology; its answer is what it publishes, or the rows of a table. */
export type Query = {
  readonly topology: Topology
  /** Undefined: `Answered` says them. */
  readonly table: { readonly name: string; readonly rowsOf: (value: never, key: string) => readonly Row[] } | undefined
}

/** All events are there before they are read: who says nothing has nothing to say. */
const IDLE = '5s'

/**
 * Events are out of order by a tenth of a second, and one in ten comes three seconds late: with `patient` sources none of them is
 * too late, which joins of streams need; with others windows have closed before, and are corrected.
 */
export const patient = { disorder: '4s', idle: IDLE } as const
export const hasty = { disorder: '1s', idle: IDLE } as const
/** What windows of hasty sources do. */
export const corrected = { late: 'update', grace: '10s' } as const

type Patience = Pick<SourceOptions<typeof BidMade>, 'disorder'>
const time = ({ dateTime }: { readonly dateTime: number }): number => dateTime

export const bids = (how: Patience = hasty): Stream<Bid> => stream(BidMade, { ...how, time })
export const auctions = (how: Patience = hasty): Stream<Auction> => stream(AuctionOpened, { ...how, time })
export const persons = (how: Patience = hasty): Stream<Person> => stream(PersonSeen, { ...how, time })

export function published(name: QueryName, rows: Stream<Row>): Query {
  return { topology: topology(name, [rows.to(Answered, (row) => ({ row: [...row] }))]), table: undefined }
}

/** The rows of a table; its last operator is called as the query is. */
export function tabled<T>(name: QueryName, table: Table<T>, rowsOf: (value: T, key: string) => readonly Row[]): Query {
  return { topology: topology(name, [table as Output]), table: { name, rowsOf } }
}

export const dayOf: (milliseconds: number) => string = remembered(86_400_000, (text) => text.slice(0, 10))
export const minuteOf: (milliseconds: number) => string = remembered(60_000, (text) => text.slice(11, 16))

/** A part of a time's text, made once for all times that have it in common: most events are of the minute of the one before. */
function remembered(width: number, part: (text: string) => string): (milliseconds: number) => string {
  let last = Number.NaN
  let text = ''
  return (milliseconds) => {
    const at = Math.floor(milliseconds / width)
    if (at === last) return text
    last = at
    return (text = part(new Date(milliseconds).toISOString()))
  }
}
