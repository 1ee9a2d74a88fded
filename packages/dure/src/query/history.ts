import { Cancellation } from '../call/internal.ts'
import type { AnyContract, AnyEvent, Message } from '../contract/contract.ts'
import { servicePrincipal } from '../contract/internal.ts'
import type { SqlStore } from '../data/data.ts'
import type { Broker, Delivery, SubscribeOptions } from '../messaging/messaging.ts'
import type { HistoryEvent } from '../eventsourcing/eventsourcing.ts'
import { backoff } from '../runtime/internal.ts'
import type { ExtensionHost } from '../service/internal.ts'
import { notePosition, type Place } from './positions.ts'

/**
 * All that an owner has ever said on a topic: a stream of its contract, which begins after a position and ends with what there
 * is, oldest first. `historyOf` of an aggregate is one; whoever writes its own gives the same values.
 */
export type History = {
  readonly contract: AnyContract
  /** Name of the stream: `input: { after?: string }`, `output: HistoryEvent`. */
  readonly operation: string
  /** The events of which it has all. */
  readonly events: readonly AnyEvent[]
}

/** Messages taken at once; milliseconds that one reading may take before it is begun again where it was; and between looks for a turn. */
const [BATCH, LONGEST, TURN] = [256, 600_000, 1_000]
/** Characters of data taken at once, about. */
const SIZE = 4 * 1024 * 1024
const RETRY = { first: 100, max: 10_000 }
/** A history is one partition, of a broker of its own. */
const BROKER = 'history'

/** A broker that brings one topic from its owner's history, once: to one copy, from where the one before was. */
export function historyBroker(options: {
  readonly host: ExtensionHost
  readonly store: SqlStore
  readonly history: History
  /** Told when all has been brought. */
  readonly done: () => void
}): Broker {
  const { host, store, done } = options
  const { broker, runtime } = host
  return {
    ...broker,
    retention: async () => 0,
    lag: async () => [],
    subscribe: async (request) => {
      const stopping = new AbortController()
      const place = { consumer: request.group, topic: request.topics[0]!, partition: 0 }
      const reading = (async () => {
        for (let failures = 0; !stopping.signal.aborted;) {
          try {
            const turn = await takeTurn(store, place)
            if (turn === 'done') return done()
            if (turn !== undefined) await bring(options, request, { place, turn, signal: stopping.signal })
            else await runtime.timers.sleep(TURN, stopping.signal)
            failures = 0
          } catch (error) {
            if (stopping.signal.aborted) return
            request.onError?.(error)
            await runtime.timers.sleep(backoff(RETRY, ++failures, runtime.random), stopping.signal)
          }
        }
      })()
      return {
        stop: async () => {
          stopping.abort()
          await reading
        },
      }
    },
  }
}

type Turn = { readonly epoch: number; readonly after: string | undefined }

/** Whose turn it is to read: nobody's while another copy that lives has it. Whoever has it writes with the epoch it was given. */
async function takeTurn(store: SqlStore, { consumer, topic, partition }: Place): Promise<Turn | 'done' | undefined> {
  const at = [consumer, topic, partition]
  const whose = 'consumer = ? AND topic = ? AND partition = ?'
  const [found] = await store.select(`SELECT * FROM dure_positions WHERE ${whose}`, at)
  if (found?.['done'] === 1) return 'done'
  const holder = found?.['holder'] as string | null | undefined
  if (typeof holder === 'string' && holder !== store.member && store.gone !== undefined && !(await store.gone(holder)))
    return undefined
  const epoch = Number(found?.['epoch'] ?? 0) + 1
  const taken = await store.transaction(
    (tx) =>
      found === undefined
        ? tx.run(
            `INSERT INTO dure_positions (consumer, topic, partition, broker, epoch, holder) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (consumer, topic, partition) DO NOTHING`,
            [...at, BROKER, epoch, store.member],
          )
        : tx.run(`UPDATE dure_positions SET epoch = ?, holder = ? WHERE ${whose} AND epoch = ?`, [
            ...[epoch, store.member, ...at, epoch - 1],
          ]),
    { isolated: false },
  )
  return taken === 0 ? undefined : { epoch, after: (found?.['position'] as string | null | undefined) ?? undefined }
}

/** Reads from where the last one was to the end, and notes that there is no more. */
async function bring(
  { host, store, history }: Parameters<typeof historyBroker>[0],
  request: SubscribeOptions,
  { place, turn, signal }: { readonly place: Place; readonly turn: Turn; readonly signal: AbortSignal },
): Promise<void> {
  const { epoch, after } = turn
  const { topic, partition } = place
  await request.assigned?.({ topic, partition, epoch, broker: BROKER })
  let batch: Delivery[] = []
  let size = 0
  const take = async (): Promise<void> => {
    if (batch.length === 0) return
    await request.deliver(batch, { topic, partition })
    await notePosition(store, place, { broker: BROKER, epoch }, batch)
    batch = []
    size = 0
  }
  const types = new Set(history.events.filter((event) => event.topic === topic).map(({ name }) => name))
  for await (const event of ask(host, history, after, signal)) {
    if (signal.aborted) return
    if (!types.has(event.type)) continue
    batch.push({ message: messageOf(history, event), partition, position: event.position })
    size += event.data.length
    if (batch.length === BATCH || size > SIZE) await take()
  }
  await take()
  const mine = 'consumer = ? AND topic = ? AND partition = ? AND epoch = ?'
  await store.transaction(
    (tx) => tx.run(`UPDATE dure_positions SET done = 1, holder = NULL WHERE ${mine}`, [place.consumer, topic, partition, epoch]),
    { isolated: false },
  )
}

function messageOf({ contract, events }: History, event: HistoryEvent): Message {
  const { position: _, ...same } = event
  const about = { source: contract.name, causationId: undefined, traceparent: undefined }
  return { ...same, ...about, topic: events.find(({ name }) => name === event.type)?.topic }
}

/** Asks the owner as this service, with no caller behind it. */
async function* ask(
  { contexts, runtime, service }: ExtensionHost,
  { contract, operation }: History,
  after: string | undefined,
  signal: AbortSignal,
): AsyncIterable<HistoryEvent> {
  const cancellation = new Cancellation()
  const cancel = (): void => cancellation.cancel('stopping')
  signal.addEventListener('abort', cancel)
  const sentAt = runtime.clock.monotonic()
  const call = {
    ...{ sentAt, deadline: sentAt + LONGEST, cancellation, correlationId: runtime.ids.next(), causationId: undefined },
    ...{ traceparent: undefined, caller: service, idempotencyKey: undefined, metadata: undefined },
    principal: servicePrincipal(service),
  }
  const { owner } = contexts({ owner: contract })(call, cancellation) as {
    readonly owner: Record<string, (input: object, options: object) => AsyncIterable<HistoryEvent>>
  }
  try {
    yield* owner[operation]!(after === undefined ? {} : { after }, { timeout: LONGEST })
  } finally {
    signal.removeEventListener('abort', cancel)
    cancellation.over()
  }
}
