import type { CallContext } from '../call/call.ts'
import { placeOfCall } from '../call/internal.ts'
import { CallError } from '../contract/contract.ts'
import { initiatorOf } from '../contract/internal.ts'
import { bindDatabase, createOutbox } from '../data/data.ts'
import { INBOX_RETENTION, tellRelayed, type Join } from '../data/internal.ts'
import type { Database, DatabaseAdapter, Origin, Outbox, OutboxMessage, Store, StoreTransaction } from '../data/data.ts'
import { type Broker } from '../messaging/messaging.ts'
import { openAside, type OutboxAside } from '../messaging/internal.ts'
import { inTime } from '../runtime/internal.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { Service, StoreAdapter } from './definition.ts'
import { definitionOf } from './extensions.ts'
import { createIdempotency, type Idempotency, rememberedKey } from './idempotency.ts'
import type { AroundTransactions } from './keyed/keyed.ts'
import { notRequesting } from './requests.ts'
import type { System, World } from './system.ts'

/** A service's own data, opened: nobody else has a way to it. */
export type ServiceData = {
  readonly store: Store
  readonly outbox: Outbox
  /** What the broker does not take of it. */
  readonly aside: OutboxAside
  /** Milliseconds that the inbox's marks are kept. */
  readonly inboxRetention: number
  readonly idempotency: Idempotency
  /** Messages ever committed to the outbox, for telling quiet from a moment between two moves. */
  readonly published: () => number
  /** Delivers what it can, and closes, within the milliseconds that are left. */
  readonly stop: (left: () => number) => Promise<void>
  /** Stores that its extensions have opened beside it. */
  readonly beside: Store[]
  /** What its extensions give to its transactions. */
  readonly joins: Join[]
  /** The database as one call's handler sees it; `call` is the call itself, of which `context` is made. */
  readonly databaseFor: (context: CallContext, operation: string | undefined, call: CallContext) => Database<unknown>
}

/** What opens each service's store: an adapter is made when it is first needed, once however many services it serves. */
export function storeAdapters(
  { database, stores }: Pick<System, 'database' | 'stores'>,
  world: World,
): (service: Service) => Promise<DatabaseAdapter | undefined> {
  const made = new Map<StoreAdapter, DatabaseAdapter>()
  return async (service) => {
    if (service.database === undefined) return undefined
    const adapter = stores[service.contract.name] ?? database
    const opened = made.get(adapter) ?? (await adapter(world))
    made.set(adapter, opened)
    return opened
  }
}

export async function openData(options: {
  service: Service
  database: DatabaseAdapter
  broker: Broker
  world: World
  log: Logger
  /** What stands around the transactions of a call of one of its operations. */
  around: (call: CallContext) => AroundTransactions | undefined
}): Promise<ServiceData> {
  const { service, database, broker, log } = options
  const { runtime, telemetry } = options.world
  const name = service.contract.name
  const store = await database.open(name, definitionOf(service, database.name))
  try {
    checkKind(service, store)
    let delivered = 0
    const told = { service: name, tracer: telemetry?.tracer, runtime }
    const toBroker = async (messages: readonly OutboxMessage[]): Promise<void> => {
      await deliver(broker, messages)
      delivered += messages.length
      tellRelayed(messages, told)
    }
    const opened = await openAside({ store, runtime, log, deliver: toBroker, taken: () => delivered })
    const aside: OutboxAside = {
      ...opened,
      put: (messages, how) => {
        if (how.failure !== undefined) tellRelayed(messages, { ...told, failure: how.failure })
        return opened.put(messages, how)
      },
    }
    const outbox = bounded(name, await (store.outbox ?? createOutbox)({ store, runtime, log, deliver: toBroker, aside }), service)
    const beside: Store[] = []
    const joins: Join[] = [() => UNASKED]
    const idempotency = createIdempotency({ store, runtime, service: name, log })
    return {
      store,
      outbox,
      aside,
      stop: async (left) => {
        await outbox.stop({ timeout: left() })
        await inTime(runtime.timers, left(), aside.stop(), () => {})
        await Promise.all([store, ...beside].map((one) => one.stop({ timeout: left() })))
      },
      beside,
      inboxRetention: await inboxRetentionOf(service, broker),
      idempotency,
      joins,
      published: () => delivered + outbox.depth(),
      databaseFor: (call, operation, itself) => {
        const key = rememberedKey(call)
        const around = operation === undefined ? undefined : options.around(itself)
        const origin = originOf(name, call)
        const first = around && (async (tx: StoreTransaction) => around.first(tx))
        const bound = { store, outbox, joins, runtime, origin, tracer: telemetry?.tracer, first }
        const within = (own: Database<unknown>): Database<unknown> =>
          around === undefined ? own : { ...own, transaction: (...given) => around.transaction(() => own.transaction(...given)) }
        if (operation === undefined || key === undefined) return within(bindDatabase<unknown>(bound))
        // Every transaction of the call carries the mark of its key.
        const marked = { operation, key, own: call.cancellation }
        const own = bindDatabase<unknown>({
          ...bound,
          joins: [...joins, (tx) => ({ answer: (value: unknown) => idempotency.answer(tx, marked, value) })],
          first: async (tx) => {
            around?.first(tx)
            await idempotency.mark(tx, marked)
          },
          last: (tx, value) => idempotency.cameTo(tx, marked, value),
        })
        const inTurn = within(own)
        return { ...own, transaction: (...given) => idempotency.began(marked, inTurn.transaction(...given)) }
      },
    }
  } catch (error) {
    await store.stop()
    throw error
  }
}

/** Of a call without a key: nobody comes again for its answer. */
const UNASKED = { answer: async () => {}, ...notRequesting }

/** While its broker is away a service goes on; what is not delivered must not fill its disk, though, or nothing works any more. */
function bounded(name: string, outbox: Outbox, { retention }: Service): Outbox {
  const { rows, bytes } = retention?.outbox ?? { rows: Infinity, bytes: Infinity }
  return {
    ...outbox,
    append: (tx, messages) => {
      if (outbox.depth() >= rows) throw outboxFull(name, `${rows} messages wait`, 'rows')
      if (outbox.size() >= bytes) throw outboxFull(name, `messages of ${bytes} bytes wait`, 'bytes')
      outbox.append(tx, messages)
    },
  }
}

function outboxFull(name: string, what: string, bound: 'rows' | 'bytes'): CallError {
  return new CallError(
    'RESOURCE_EXHAUSTED',
    `Publishing of service "${name}" was refused: ${what} in its outbox. To do: see why the broker does not take them, or let the outbox have more ("retention.outbox.${bound}")`,
    { inside: true },
  )
}

/** A service that declares tables cannot do with a client, and the other way round. */
function checkKind({ contract, database }: Service, store: Store): void {
  const [ownClient, speaksSql] = [database?.ownClient === true, 'select' in store]
  if (ownClient !== speaksSql) return
  const [declares, has, advice] = ownClient
    ? ['clientDatabase', 'speaks SQL', 'declare it with `database`']
    : ['database', 'has a client of its own', 'declare it with `clientDatabase`']
  throw new CallError(
    'FAILED_PRECONDITION',
    `Starting service "${contract.name}" failed: it declares ${declares}, and its store "${store.engine}" ${has}. To do: ${advice}, or give the service another store`,
  )
}

/** As the service says; otherwise half as long again as the broker may bring what it reacts to. */
async function inboxRetentionOf({ inbox, reactions }: Service, broker: Broker): Promise<number> {
  if (inbox?.retention !== undefined) return inbox.retention
  const retentions = await Promise.all(
    reactions.filter(({ kind }) => kind === 'topic').map(({ event }) => broker.retention(event.topic)),
  )
  // For what is kept for ever there is no bound that would do: the consumer says so, and the service has to say what it wants.
  const longest = Math.max(0, ...retentions.filter(Number.isFinite))
  return Math.max(INBOX_RETENTION, longest * 1.5)
}

/** To topics and queues; each keeps its order. */
async function deliver(broker: Broker, messages: readonly OutboxMessage[]): Promise<void> {
  const events = messages.filter(({ destination }) => destination === 'topic')
  const work = messages.filter(({ destination }) => destination === 'queue')
  if (events.length > 0) await broker.publish(events)
  if (work.length > 0) await broker.send(work)
}

/** What a message says about the call it was published in. */
function originOf(service: string, call: CallContext): Origin {
  return {
    service,
    get correlationId() {
      return call.correlationId
    },
    causationId: call.causationId,
    // Read only when something is published: a call that is not sampled has none until then.
    get traceparent() {
      return call.traceparent
    },
    initiator: initiatorOf(call.principal),
    sampled: call.sampled,
    get place() {
      return placeOfCall(call)
    },
  }
}
