import { CallError, type AnyEvent } from '../contract/contract.ts'
import type { Origin, Outbox, SqlTransaction } from '../data/data.ts'
import { announce } from '../data/internal.ts'
import type { ExtensionHost } from '../service/internal.ts'
import type { Decode } from './codec.ts'
import type { AnyAggregate, AnyStream, EventTransaction, Expected } from './definition.ts'
import { hasVersion, insert, MOST_EVENTS, versionOf, writeSnapshot, type Of } from './log.ts'
import type { Seals } from './seals.ts'
import { storedFrom, type Stored } from './stored.ts'
import { evolveWith, nameOf, replay, stateText } from './state.ts'

/** What the event store of a service works with. */
export type EventWorld = {
  readonly host: ExtensionHost
  readonly aggregates: ReadonlyMap<string, AnyAggregate>
  readonly decode: Decode
  readonly seals: Seals | undefined
  /** Versions to which streams have come, as far as they were written here and of late. */
  readonly known: Map<string, number>
  /** Those that open transactions have written, which nobody else sees yet. */
  readonly written: WeakMap<SqlTransaction, Map<string, number>>
  /** Called when events were committed. */
  readonly stored: Set<() => void>
}

type AnyNew = { readonly type: string; readonly data: unknown }

/** Bytes of a snapshot; a larger state is made from the events alone. */
const SNAPSHOT_BYTES = 1024 * 1024
/** What is not published goes nowhere but into its row. */
const NOWHERE: Pick<Outbox, 'append'> = { append: () => {} }

/** What aggregates join to one transaction. */
export function joinTransaction(world: EventWorld, tx: SqlTransaction, origin: Origin): EventTransaction {
  const { host, decode } = world

  const own = (): Map<string, number> | undefined => world.written.get(tx)

  /** Whether an event with that version is there, so that those that follow leave no gap. */
  const exists = async (of: Of, version: number): Promise<boolean> => {
    if (version === 0 || own()?.get(keyOf(of)) === version || (world.known.get(keyOf(of)) ?? 0) >= version) return true
    return hasVersion(host.store.select, of, version)
  }

  /** @param before that is there for certain */
  const append = async (
    { stream, events, expected }: { readonly stream: AnyStream; readonly events: readonly AnyNew[]; readonly expected: Expected },
    before?: number,
  ): Promise<readonly Stored[]> => {
    const failed = `Appending to ${stream.aggregate.name} ${JSON.stringify(stream.id)} failed`
    checkAppend(world, stream, events, expected, failed)
    const of = nameOf(stream)
    const refuse = async (): Promise<never> => {
      throw conflict(failed, expected, await versionOf(host.store.select, of))
    }
    const last = before ?? (expected === 'any' ? await versionOf(tx.all, of) : expected === 'none' ? 0 : expected)
    if (before === undefined && expected !== 'any' && !(await exists(of, last))) await refuse()
    const stored: Stored[] = []
    for (const event of events)
      stored.push(await storedEvent(world, { tx, origin, stream, failed }, event, last + stored.length + 1))
    if (!(await insert(tx, stored))) await refuse()
    if (stored.length > 0) {
      const version = last + stored.length
      if (own() === undefined) world.written.set(tx, new Map())
      own()!.set(keyOf(of), version)
      tx.onCommit(() => {
        remember(world.known, keyOf(of), version)
        world.stored.forEach((told) => told())
      })
    }
    return stored
  }

  return {
    append: async (stream, events, { expected }) => {
      const stored = await append({ stream, events: events as readonly AnyNew[], expected })
      return stored.at(-1)?.version ?? (typeof expected === 'number' ? expected : versionOf(tx.all, nameOf(stream)))
    },
    load: async (stream) => {
      checkStream(world, stream)
      const { state, version } = await replay({ select: tx.all, decode }, stream)
      return { state: state as never, version }
    },
    decide: async (stream, command) => {
      checkStream(world, stream)
      const { aggregate } = stream
      const before = await replay({ select: tx.all, decode }, stream)
      const decided = aggregate.decide(command as never, before.state as never) as readonly AnyNew[]
      const stored =
        decided.length === 0 ? [] : await append({ stream, events: decided, expected: before.version || 'none' }, before.version)
      let state: unknown = before.state
      // As they will be read.
      for (const event of await decode(stored.map(rowOf))) state = evolveWith(aggregate, state, event)
      const version = before.version + stored.length
      const { snapshot } = aggregate
      if (snapshot !== undefined && stored.length > 0 && version - before.snapshot >= snapshot.every) {
        const text = stateText(aggregate, state)
        if (Buffer.byteLength(text) <= SNAPSHOT_BYTES)
          await writeSnapshot(tx, nameOf(stream), { version, stamp: snapshot.stamp, state: text })
        else
          host.log.warn('A state is too large to be kept as a snapshot', {
            aggregate: aggregate.name,
            bytes: Buffer.byteLength(text),
          })
      }
      return { state: state as never, version }
    },
  }
}

function checkAppend(world: EventWorld, stream: AnyStream, events: readonly AnyNew[], expected: Expected, failed: string): void {
  checkStream(world, stream)
  const wrong = (what: string): CallError => new CallError('INVALID_ARGUMENT', `${failed}: ${what}`, { inside: true })
  if (expected !== 'any' && expected !== 'none' && !(Number.isSafeInteger(expected) && expected >= 1))
    throw wrong(
      `"expected" is ${JSON.stringify(expected) ?? String(expected)}. To do: say "any", "none", or the version that was loaded (a whole number from 1)`,
    )
  if (!Array.isArray(events)) throw wrong('events must be an array')
  if (events.length > MOST_EVENTS) throw wrong(`${events.length} events at once. To do: append at most ${MOST_EVENTS}`)
}

/** The event as it will be stored; what is published is announced with it, and has the same id and data. */
async function storedEvent(
  { host, seals }: EventWorld,
  at: { readonly tx: SqlTransaction; readonly origin: Origin; readonly stream: AnyStream; readonly failed: string },
  { type, data }: AnyNew,
  version: number,
): Promise<Stored> {
  const { tx, origin, stream, failed } = at
  const { aggregate, id } = stream
  const event = aggregate.events.find((one) => one.name === type)
  if (event === undefined) {
    const known = aggregate.events.map(({ name }) => `"${name}"`).join(', ')
    throw new CallError('INVALID_ARGUMENT', `${failed}: "${String(type)}" is none of its events (${known})`, { inside: true })
  }
  const published = aggregate.publish.includes(event)
  const { runtime, outbox, tracer } = host
  const how = { outbox: (published ? outbox : NOWHERE) as Outbox, origin, runtime, tracer: published ? tracer : undefined }
  const message = await announce(tx, how, 'topic', event, data, { sequence: version })
  if (published && message.key !== id) throw wrongKey(failed, event, message.key)
  const stored = storedFrom(message, { ...nameOf(stream), version, data: message.data })
  const personal = aggregate.personal[type]
  return personal === undefined ? stored : seals!.seal(stored, personal)
}

function wrongKey(failed: string, event: AnyEvent, key: string): CallError {
  return new CallError(
    'INVALID_ARGUMENT',
    `${failed}: "${event.name}" is published under the key "${key}", which is not the id of the stream, so that others could not follow its order. To do: let its key be that id`,
    { inside: true },
  )
}

function conflict(failed: string, expected: Expected, version: number): CallError {
  const state = version === 0 ? 'there is none' : `it is at version ${version}`
  return new CallError(
    'ABORTED',
    `${failed}: version ${String(expected)} was expected, and ${state}. To do: load it again, and decide anew`,
    {
      details: { expected, version },
      inside: true,
    },
  )
}

export function checkStream({ aggregates, host }: Pick<EventWorld, 'aggregates' | 'host'>, { aggregate, id }: AnyStream): void {
  if (aggregates.get(aggregate.name) !== aggregate) {
    throw new CallError(
      'FAILED_PRECONDITION',
      `Aggregate "${aggregate.name}" is not one of service "${host.service}". To do: list it among the service's "extensions"`,
      { inside: true },
    )
  }
  if (typeof id === 'string' && id.length > 0 && id.length <= 200 && id.isWellFormed() && !id.includes('\0')) return
  throw new CallError(
    'INVALID_ARGUMENT',
    `The id of ${aggregate.name} ${JSON.stringify(id)} must be a text of 1 to 200 characters`,
  )
}

function rowOf(stored: Stored): Parameters<Decode>[0][number] {
  const { stream, streamId, schemaVersion, correlationId, causationId = null, initiator = null, ...same } = stored
  return {
    ...same,
    stream,
    stream_id: streamId,
    schema_version: schemaVersion,
    correlation_id: correlationId,
    causation_id: causationId,
    initiator,
  }
}

function keyOf({ stream, streamId }: Of): string {
  return `${stream}\n${streamId}`
}

/** Streams whose version is known without asking. */
const KNOWN = 10_000

function remember(known: Map<string, number>, key: string, version: number): void {
  known.delete(key)
  known.set(key, version)
  if (known.size > KNOWN) known.delete(known.keys().next().value!)
}
