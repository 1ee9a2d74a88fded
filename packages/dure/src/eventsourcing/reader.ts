import { CallError } from '../contract/contract.ts'
import type { AnyStored } from './codec.ts'
import type { AnyStream, EventReader } from './definition.ts'
import { checkStream, type EventWorld } from './join.ts'
import type { SubjectKeys } from './keys.ts'
import { PAGE, readStream } from './log.ts'
import { readPage, type Position } from './positions.ts'
import { nameOf, replay } from './state.ts'

/** How readers are found: by what handlers read from. */
const readers = new WeakMap<object, { readonly reader: EventReader; readonly world: EventWorld }>()

/** The event store of what handlers read from; undefined where no aggregate is listed. */
export function worldOf(read: object): EventWorld | undefined {
  return readers.get(read)?.world
}

/**
 * What a service has stored of its aggregates, for reading.
 * @param database of the context of a handler
 * @throws {TypeError} when it is not of a service that lists aggregates
 *
 * @example
 * ```ts
 * import { eventsOf } from 'dure/eventsourcing'
 *
 * // In a handler: `for await (const event of eventsOf(database).read(cart.stream('c-1'))) …`
 * console.log(typeof eventsOf) // → function
 * ```
 */
export function eventsOf(database: { readonly read: object }): EventReader {
  const reader = readers.get(database.read)?.reader
  if (reader === undefined)
    throw new TypeError(
      "Cannot read events: this service lists no aggregate. List one among its `extensions`, and give `database` of a handler's context",
    )
  return reader
}

export function offerReader(world: EventWorld, keys: SubjectKeys | undefined): EventReader {
  const { host, decode } = world
  const { store } = host
  const reader: EventReader = {
    read: (stream, options = {}) => readAlong(world, stream, options) as AsyncIterable<never>,
    readAll: (options = {}) => readAllAlong(world, options),
    load: async (stream, asOf) => {
      checkStream(world, stream)
      for (const [name, value] of Object.entries(asOf ?? {})) checkWhole(`load ${stream.aggregate.name}`, name, value, 0)
      const { state, version } = await replay({ select: store.select, decode }, stream, asOf)
      return { state: state as never, version }
    },
    forget: async (subject) => {
      if (keys !== undefined) return keys.forget(subject)
      throw new CallError(
        'FAILED_PRECONDITION',
        `Forgetting a subject failed: no aggregate of service "${host.service}" has personal fields`,
        { inside: true },
      )
    },
  }
  readers.set(store.read as object, { reader, world })
  return reader
}

async function* readAlong(
  world: EventWorld,
  stream: AnyStream,
  { from = 1, limit = Number.MAX_SAFE_INTEGER }: Parameters<EventReader['read']>[1] & {},
): AsyncGenerator<AnyStored> {
  checkStream(world, stream)
  checkWhole('read a stream', 'from', from, 1)
  checkWhole('read a stream', 'limit', limit, 0)
  for (let [next, left] = [from, limit]; left > 0;) {
    const { rows, more } = await readStream(world.host.store.select, nameOf(stream), { from: next, limit: left })
    const events = await world.decode(rows)
    yield* events
    if (!more) return
    next = events.at(-1)!.version + 1
    left -= events.length
  }
}

/** `types`: those alone. */
export async function* readAllAlong(
  { host, decode }: EventWorld,
  options: { readonly after?: Position | undefined; readonly limit?: number; readonly types?: readonly string[] },
): AsyncGenerator<AnyStored & { readonly position: Position }> {
  const { limit = Number.MAX_SAFE_INTEGER, types } = options
  checkWhole('read all events', 'limit', limit, 0)
  for (let [after, left] = [options.after, limit]; left > 0;) {
    const page = await readPage(host.store, { after, limit: Math.min(PAGE, left), ...(types !== undefined && { types }) })
    const events = await decode(page.rows.map(({ row }) => row))
    for (const [at, event] of events.entries()) yield { ...event, position: page.rows[at]!.position }
    if (!page.more) return
    after = page.next
    left -= events.length
  }
}

function checkWhole(what: string, name: string, value: unknown, least: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= least) return
  throw new CallError(
    'INVALID_ARGUMENT',
    `Cannot ${what}: "${name}" must be a whole number from ${least}, and is ${String(value)}`,
    { inside: true },
  )
}
