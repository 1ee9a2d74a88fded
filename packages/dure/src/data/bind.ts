import { CallError, type AnyEvent, type Message } from '../contract/contract.ts'
import { parserOf, throwInside, wireOf, wrongDelay, wrongOf, type Parsed } from '../contract/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Tracer } from '../telemetry/internal.ts'
import type {
  Announcing,
  Database,
  Outbox,
  PublishOptions,
  SqlTransaction,
  Store,
  StoreTransaction,
  Transaction,
} from './database.ts'
import type { Origin } from './origin.ts'
import type { OutboxMessage } from './outbox-row.ts'
import { tracedPublish, tracedTransaction } from './tracing.ts'

/** Gives members to a transaction that is made in the name of one call. */
export type Join = (tx: StoreTransaction, origin: Origin) => object

export type BindOptions = {
  readonly outbox: Outbox
  readonly origin: Origin
  readonly runtime: Runtime
  /** Undefined: no spans are made. */
  readonly tracer?: Tracer | undefined
  /** Bytes of data a message may have. Default 1 MiB. */
  readonly messageSize?: number
  /** What transactions have beside `publish` and `send`. */
  readonly joins?: readonly Join[] | undefined
  /** Written first in every transaction. */
  readonly first?: ((tx: StoreTransaction) => Promise<void>) | undefined
  /** Called in every transaction when its work is done, with what that has come to. */
  readonly last?: ((tx: StoreTransaction, value: unknown) => Promise<void>) | undefined
}

/**
 * The typed database that a handler sees: the store, and publishing in the name of one call. Cheap to make.
 *
 * @example
 * ```ts
 * import { bindDatabase, createOutbox, sqlite } from 'dure/data'
 * import { realRuntime } from 'dure/runtime'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const world = { directory: 'data/bound', runtime: realRuntime(), log: silentLogger() }
 * const store = await sqlite()(world).open('orders', { migrations: { '001': 'CREATE TABLE orders (id TEXT)' } })
 * const outbox = await createOutbox({ store, ...world, deliver: async () => {} })
 * const origin = { service: 'orders', correlationId: 'c-1', causationId: undefined, traceparent: undefined }
 * const own = bindDatabase<{ orders: { id: string } }>({ store, outbox, runtime: world.runtime, origin })
 *
 * await own.transaction((tx) => tx.insertInto('orders').values({ id: 'a' }).execute())
 * console.log(await own.read.selectFrom('orders').select('id').execute()) // → [ { id: 'a' } ]
 * await outbox.stop()
 * await store.stop()
 * ```
 */
export function bindDatabase<Tables>(options: BindOptions & { readonly store: Store }): Database<Tables> {
  const { store } = options
  return {
    read: store.read,
    snapshot: store.snapshot,
    transaction: (work, limits) =>
      tracedTransaction(store, options, (origin, begun) =>
        own(
          work,
          (tx: StoreTransaction) => {
            begun?.(tx)
            return bindTransaction<Tables>(tx, origin === options.origin ? options : { ...options, origin })
          },
          (run) => store.transaction(run, limits),
          options,
        ),
      ),
  }
}

/** Runs a handler's work in a transaction. What the work throws stays as it is; what the store says of it is for inside. */
async function own<Tx, Bound, Value>(
  work: (tx: Bound) => Promise<Value>,
  bind: (tx: Tx) => Bound,
  transaction: (run: (tx: Tx) => Promise<Value>) => Promise<Value>,
  {
    first,
    last,
  }: { first?: ((tx: Tx) => Promise<void>) | undefined; last?: ((tx: Tx, value: Value) => Promise<void>) | undefined },
): Promise<Value> {
  let thrown: unknown
  try {
    return await transaction(async (tx) => {
      try {
        if (first !== undefined) await first(tx)
        const value = await work(bind(tx))
        if (last !== undefined) await last(tx, value)
        return value
      } catch (error) {
        thrown = error
        throw error
      }
    })
  } catch (error) {
    if (error === thrown) throw error
    throwInside(error)
  }
}

/** The typed transaction that a handler sees, over one that somebody else began (a consumer marking its inbox). */
export function bindTransaction<Tables>(tx: StoreTransaction, options: BindOptions): Transaction<Tables> {
  const announcing = {
    publish: async (event: AnyEvent, data: unknown, said?: PublishOptions) =>
      void (await announce(tx, options, 'topic', event, data, said)),
    send: async (queue: AnyEvent, data: unknown, said?: PublishOptions & { readonly delay?: number }) =>
      void (await announce(tx, options, 'queue', queue, data, said)),
  } satisfies Announcing
  // Every transaction has a Kysely of its own, so that what is put on it is gone with it.
  const own: object = (tx as SqlTransaction).kysely ?? { client: tx.client }
  const bound = Object.assign(own, announcing) as Transaction<Tables>
  for (const join of options.joins ?? []) Object.assign(bound, join(tx, options.origin))
  return bound
}

/** Joins a message to a transaction; resolves with what is announced. */
export async function announce(
  tx: StoreTransaction,
  options: BindOptions,
  destination: OutboxMessage['destination'],
  event: AnyEvent,
  data: unknown,
  said?: PublishOptions & { readonly delay?: number },
): Promise<Message> {
  const late = wrongDelay(said?.delay)
  if (late !== undefined) throw new CallError('INVALID_ARGUMENT', `Sending was refused: ${late}`)
  const message = tracedPublish(tx, options, await messageOf(event, data, options, said), event)
  options.outbox.append(tx, [{ ...message, destination, ...(said?.delay !== undefined && { delay: said.delay }) }])
  return message
}

/** What is announced of an event. @throws {CallError} INVALID_ARGUMENT when the data do not match its schema, or are too large */
export async function messageOf(
  event: AnyEvent,
  data: unknown,
  options: Pick<BindOptions, 'origin' | 'runtime' | 'messageSize'>,
  said?: PublishOptions,
): Promise<Message> {
  const { origin, runtime, messageSize = 1024 * 1024 } = options
  const { parse, plain, toJson } = codecOf(event)
  const result = parse(data)
  const parsed = result instanceof Promise ? await result : result
  if (!parsed.ok) throw refused(event, parsed)
  const text = JSON.stringify(plain ? parsed.value : toJson(parsed.value)) ?? 'null'
  // A character is three bytes at most in UTF-8: short texts need no counting.
  if (text.length * 3 > messageSize && Buffer.byteLength(text) > messageSize)
    throw tooLarge(event, Buffer.byteLength(text), messageSize)
  const message: Message = {
    id: runtime.ids.next(),
    source: origin.service,
    type: event.name,
    key: event.key(parsed.value),
    time: runtime.clock.now(),
    schemaVersion: event.version,
    correlationId: origin.correlationId,
    causationId: origin.causationId,
    traceparent: origin.traceparent,
    data: text,
    ...(event.topic !== event.name && { topic: event.topic }),
    ...(origin.initiator !== undefined && { initiator: origin.initiator }),
    ...(said !== undefined && saidOf(said)),
  }
  // What no broker takes must not get into the outbox: everything behind it would wait for ever.
  const wrong = wrongOf(message)
  if (wrong !== undefined) throw unfit(event, wrong)
  return message
}

/** What was said, as it was then. */
function saidOf({ headers, replyTo, sequence }: PublishOptions): PublishOptions {
  return {
    ...(headers !== undefined && { headers: { ...headers } }),
    ...(replyTo !== undefined && { replyTo }),
    ...(sequence !== undefined && { sequence }),
  }
}

type Codec = {
  readonly parse: (value: unknown) => Parsed | Promise<Parsed>
  readonly plain: boolean
  readonly toJson: (value: unknown) => unknown
}

const codecs = new WeakMap<AnyEvent, Codec>()

function codecOf(event: AnyEvent): Codec {
  let codec = codecs.get(event)
  if (codec === undefined) {
    const { plain, toJson } = wireOf(event.schema, 'output')
    codec = { parse: parserOf(event.schema, 'output'), plain, toJson }
    codecs.set(event, codec)
  }
  return codec
}

function refused(event: AnyEvent, { issues }: Extract<Parsed, { ok: false }>): CallError {
  const [first] = issues
  const where = first === undefined || first.path.length === 0 ? '' : ` at "${first.path.join('.')}"`
  const reason = `its data does not match its schema${where}: ${first?.message ?? 'no reason given'}`
  return unfit(event, reason, { issues })
}

function tooLarge(event: AnyEvent, size: number, limit: number): CallError {
  const reason = `its data is ${size} bytes, and a message may have ${limit}. To do: store it and publish a reference to it`
  return unfit(event, reason, { size, limit })
}

/** For the service that publishes; what its schema and its key throw by themselves is told as anything that a handler throws. */
function unfit(event: AnyEvent, reason: string, details: object = {}): CallError {
  return new CallError('INVALID_ARGUMENT', `Publishing "${event.name}" failed: ${reason}`, {
    details: { event: event.name, ...details },
    inside: true,
  })
}
