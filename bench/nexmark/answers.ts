import type { AnyEvent } from 'dure/contract'
import { openTask, sourcesOf, type InputRecord, type Task } from 'dure/stream/internal'
import { AuctionOpened, BidMade, PersonSeen, SideInput } from './contract.ts'
import type { NexmarkEvent } from './events.ts'
import type { Query } from './queries/query.ts'
import type { Row } from './rows.ts'

/** A query at work on one partition, in memory. */
export type Answering = {
  readonly task: Task
  /** Runs a batch of one kind of events through; each with the clock when it came in. */
  readonly process: (kind: NexmarkEvent['kind'], records: readonly InputRecord[]) => void
  /** Says that nothing comes any more, and tells the rows. */
  readonly rows: () => readonly Row[]
}

const events = { person: PersonSeen, auction: AuctionOpened, bid: BidMade } as const

/**
 * Opens a query; `now` is the clock, which stands still: in Nexmark's events time goes on by itself. `drops`: what it says goes nowhere,
 * and it has no rows in the end.
 */
export function answering({ topology, table }: Query, now: number, { drops = false } = {}): Answering {
  const published: Row[] = []
  const rows = new Map<string, unknown>()
  const note = (next: unknown, _: unknown, key: string): void =>
    void (next === undefined ? rows.delete(key) : rows.set(key, next))
  const sources = sourcesOf(topology)
  const task = openTask({
    nodes: topology.nodes,
    publish: drops ? () => {} : (_, data) => void published.push((data as { readonly row: Row }).row),
    ...(table !== undefined && {
      observe: (name: string) => (name === table.name && !drops ? note : () => {}),
    }),
    now,
  })
  for (const node of sources.values()) task.open(node, 0, now)
  const run = (event: AnyEvent, records: readonly InputRecord[]): void => {
    const node = sources.get(event)
    if (node !== undefined) task.process(node, 0, records, now)
  }
  run(SideInput, SIDE)
  return {
    task,
    process: (kind, records) => run(events[kind], records),
    rows: () => {
      task.end()
      if (table === undefined) return published
      return [...rows].flatMap(([key, value]) => table.rowsOf(value as never, key))
    },
  }
}

/** What is looked up. */
export const SIDE: readonly InputRecord[] = Array.from({ length: 10_000 }, (_, key) => ({
  value: { key, value: String(key) },
  key: String(key),
  time: 0,
}))

/** Keys of events as their topics have them. */
export const keyOf = ({ kind, value }: NexmarkEvent): string => String(kind === 'bid' ? value.auction : value.id)
