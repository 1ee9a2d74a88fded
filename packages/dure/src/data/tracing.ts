import { createHash } from 'node:crypto'
import type { AnyEvent, Message } from '../contract/contract.ts'
import { privateFieldsOf, topicOf, withoutValues, type PrivateFields } from '../contract/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Attributes } from '../telemetry/telemetry.ts'
import { isSampled, type ActiveSpan, type SpanShape, type Tracer } from '../telemetry/internal.ts'
import type { Store, StoreTransaction } from './database.ts'
import type { Origin } from './origin.ts'

type Traced = { readonly origin: Origin; readonly tracer?: Tracer | undefined }

/** Runs a transaction in a span of its own, from the asking to the commit; what it announces is a child of that. */
export function tracedTransaction<T>(
  store: Pick<Store, 'service' | 'engine'>,
  { origin, tracer }: Traced,
  /** `begun`: to be told of the transaction itself, each time that it is begun. */
  run: (origin: Origin, begun?: (tx: StoreTransaction) => void) => Promise<T>,
): Promise<T> {
  if (tracer === undefined) return run(origin)
  const sampled = isTraced(origin, tracer)
  const { place: parentPlace } = origin
  const parent = parentPlace === undefined || sampled ? origin.traceparent : undefined
  const span = tracer.begin(
    { ...shapeOf(store, origin.service), parent, parentPlace: sampled ? undefined : parentPlace },
    sampled,
  )
  let own: StoreTransaction | undefined
  return run(within(origin, span, sampled), (tx) => (own = tx)).then(
    (value) => {
      span.end(undefined, countsOf(own))
      return value
    },
    (error: unknown) => {
      span.end(error ?? new Error('It was rolled back'), countsOf(own))
      throw error
    },
  )
}

/** Made once for each store and who uses it: transactions are many. */
const shapes = new WeakMap<object, SpanShape>()

function shapeOf(store: Pick<Store, 'service' | 'engine'>, service: string): SpanShape {
  const known = shapes.get(store)
  if (known?.service === service) return known
  const attributes = { 'db.system.name': store.engine, 'db.namespace': store.service, 'db.operation.name': 'transaction' }
  const shape = { name: `transaction ${store.service}`, kind: 'client', service, attributes, numbers: STATEMENT_COUNTS } as const
  shapes.set(store, shape)
  return shape
}

/** The same origin with a span of it as the place of what follows. What nobody reads of it is not made. */
function within(origin: Origin, span: ActiveSpan, sampled: boolean): Origin {
  const { service, initiator } = origin
  return {
    ...{ service, initiator, sampled, causationId: origin.causationId, place: span.place },
    get correlationId() {
      return origin.correlationId
    },
    get traceparent() {
      return span.traceparent
    },
  }
}

/** Puts a span between a transaction and what reacts to its message. It is told of, or recorded, if the transaction commits. */
export function tracedPublish(
  tx: Pick<StoreTransaction, 'onCommit'>,
  { origin, tracer }: Traced,
  message: Message,
  event: AnyEvent,
): Message {
  if (tracer === undefined) return message
  const sampled = isTraced(origin, tracer)
  const parentPlace = sampled ? undefined : origin.place
  const attributes = {
    'messaging.system': 'dure',
    'messaging.operation.type': 'send',
    'messaging.destination.name': topicOf(message),
  }
  const shape = { name: `publish ${message.type}`, kind: 'producer', service: origin.service, attributes } as const
  const details = messageAttributes(message, event)
  const span = tracer.begin({ ...shape, parent: message.traceparent, parentPlace, details }, sampled)
  tx.onCommit(() => span.end())
  return { ...message, traceparent: span.traceparent }
}

/**
 * Tells of messages that the broker has, or with a failure that it does not take: each from when it was published to now, which
 * is what it waited in the outbox, for the broker, and while that was away.
 */
export function tellRelayed(
  messages: readonly Message[],
  options: {
    readonly service: string
    readonly tracer: Tracer | undefined
    readonly runtime: Runtime
    readonly failure?: { readonly error: unknown } | undefined
  },
): void {
  const { service, tracer, runtime, failure } = options
  if (tracer === undefined) return
  const { clock } = runtime
  const now = clock.monotonic()
  const wall = clock.now()
  for (const message of messages) {
    const { traceparent: parent, type, time } = message
    if (parent === undefined) continue
    const destination = topicOf(message)
    const attributes = {
      'messaging.system': 'dure',
      'messaging.operation.name': 'relay',
      'messaging.destination.name': destination,
    }
    const shape = { name: `relay ${type}`, kind: 'client', service, attributes, numbers: [BATCH] } as const
    const details = { ...messageAttributes(message), [BATCH]: messages.length }
    tracer.begin({ ...shape, parent, details, at: now - Math.max(0, wall - time) }, isSampled(parent)).end(failure?.error)
  }
}

const BATCH = 'messaging.batch.message_count'

/** What spans say of a message, whoever has it in hand; of its key only where its schema is known. */
export function messageAttributes(message: Message, event?: AnyEvent): Attributes {
  const { id, correlationId, causationId } = message
  return {
    'messaging.message.id': id,
    'messaging.message.conversation_id': correlationId,
    ...(causationId !== undefined && { 'dure.causation_id': causationId }),
    ...(event !== undefined && message.key !== '' && keyAttribute(message, event)),
  }
}

/** A key that holds what must not leave is told apart from others, and not said. */
function keyAttribute({ key, data }: Message, { schema }: AnyEvent): Attributes {
  const fields = privateFieldsOf(schema, 'output')
  if (fields === undefined || isClear(key, data, fields)) return { 'dure.message.key': key }
  return { 'dure.message.key_hash': createHash('sha256').update(key).digest('hex').slice(0, 16) }
}

function isClear(key: string, data: string, fields: PrivateFields): boolean {
  try {
    const found = fields.values(JSON.parse(data))
    return found.every(({ text }) => text !== key) && withoutValues(key, found) === key
  } catch {
    return false
  }
}

/** As was decided where the trace began, which is here when nothing has led to this. */
function isTraced({ sampled, traceparent }: Origin, tracer: Tracer): boolean {
  return sampled ?? (traceparent === undefined ? tracer.sample() : isSampled(traceparent))
}

const [STATEMENTS, ROWS] = ['dure.transaction.statements', 'dure.transaction.rows']
/** What spans say of the statements of a transaction, and of the rows that they answered with or changed. */
export const STATEMENT_COUNTS: readonly string[] = [STATEMENTS, ROWS]

/** Counts what a transaction does from now on; nothing where its store does not tell. */
export function countedStatements(tx: Pick<StoreTransaction, 'counts'> | undefined): () => Attributes {
  const { statements = 0, rows = 0 } = tx?.counts ?? {}
  return () => countsOf(tx, { statements, rows })
}

function countsOf(tx: Pick<StoreTransaction, 'counts'> | undefined, before = { statements: 0, rows: 0 }): Attributes {
  const now = tx?.counts
  return now === undefined ? {} : { [STATEMENTS]: now.statements - before.statements, [ROWS]: now.rows - before.rows }
}
