import { CallError } from '../contract/contract.ts'
import type { OpenExtension } from '../service/internal.ts'
import { decodeWith } from './codec.ts'
import type { AnyAggregate, AnyStream, EventReader } from './definition.ts'
import type { EventWorld } from './join.ts'
import { readStream } from './log.ts'
import type { Seals } from './seals.ts'
import { nameOf, replay, type AsOf } from './state.ts'

/** A stream of an aggregate: its last version, and when that was stored, in milliseconds since the epoch. */
export type ShownStream = { readonly id: string; readonly version: number; readonly time: number }

/** An event as people see it: what is personal in its data is as if it were forgotten. */
export type ShownEvent = {
  readonly version: number
  readonly id: string
  readonly type: string
  readonly time: number
  readonly correlationId: string
  readonly causationId: string | undefined
  readonly initiator: string | undefined
  readonly data: unknown
}

type Which = { readonly aggregate: string; readonly id: string }

/** What is told at once, at most. */
const MOST = 1_000

/** What people may ask of a service's event store. */
export function controlOf(
  world: EventWorld,
  { forget, blind }: Pick<EventReader, 'forget'> & { readonly blind: Seals | undefined },
): NonNullable<OpenExtension['control']> {
  const { host, aggregates } = world
  const { select } = host.store
  const decode = decodeWith(aggregates, blind)
  const need = (name: string): AnyAggregate => {
    const found = aggregates.get(name)
    if (found !== undefined) return found
    throw new CallError('NOT_FOUND', `There is no aggregate "${name}" here; there are: ${[...aggregates.keys()].join(', ')}`)
  }
  /** Without its snapshot, which may have been made of what is personal. */
  const streamOf = ({ aggregate, id }: Which): AnyStream => ({ aggregate: { ...need(aggregate), snapshot: undefined }, id })
  const most = (limit: number | undefined): number => Math.max(1, Math.min(MOST, Math.floor(Number(limit) || 100)))
  return {
    forget: ({ subject }: { readonly subject: string }) => forget(subject),
    list: async () => [...aggregates.values()].map(({ name, events }) => ({ name, events: events.map((event) => event.name) })),
    streams: async (asked: { readonly aggregate: string; readonly after?: string; readonly limit?: number }) => {
      const rows = await select(
        `SELECT stream_id, max(version) AS version, max(time) AS time FROM dure_events
         WHERE stream = ? AND stream_id > ? GROUP BY stream_id ORDER BY stream_id LIMIT ${most(asked.limit)}`,
        [need(asked.aggregate).name, asked.after ?? ''],
      )
      return rows.map((row): ShownStream => ({
        id: String(row['stream_id']),
        version: Number(row['version']),
        time: Number(row['time']),
      }))
    },
    events: async (asked: Which & { readonly from?: number; readonly limit?: number }) => {
      const from = Math.max(1, Math.floor(Number(asked.from) || 1))
      const { rows } = await readStream(select, nameOf(streamOf(asked)), { from, limit: most(asked.limit) })
      return (await decode(rows)).map(({ version, id, type, time, correlationId, causationId, initiator, data }): ShownEvent => ({
        ...{ version, id, type, time, correlationId, causationId, initiator, data },
      }))
    },
    at: async (asked: Which & { readonly version?: number; readonly time?: number }) => {
      const { version: last, time } = asked
      const asOf: AsOf | undefined = last !== undefined ? { version: last } : time === undefined ? undefined : { time }
      const { state, version } = await replay({ select, decode }, streamOf(asked), asOf)
      if (version === 0 && last !== 0 && time === undefined)
        throw new CallError('NOT_FOUND', `There is no ${asked.aggregate} "${asked.id}"`)
      return { version, state }
    },
  }
}
