import { Cancellation, type CallContext } from '../call/call.ts'
import { bindTransaction, type StoreTransaction } from '../data/data.ts'
import type { ConsumerReaction, Received } from '../messaging/messaging.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { MakeContext } from './context.ts'
import type { EffectContext, ReceivedEvent, Service } from './definition.ts'
import type { UnitData } from './own-data.ts'

/** Milliseconds the calls of one `prepare` have together. */
const PREPARE_DEADLINE = 30_000

/**
 * A service's reactions as the consumer runs them: what happens because of an event continues that event's
 * correlation and trace, and names it as its cause.
 */
export function reactionsOf(options: {
  service: Service
  contexts: MakeContext
  data: UnitData
  runtime: Runtime
  log: Logger
}): readonly ConsumerReaction[] {
  const { service, contexts, data, runtime, log } = options
  const name = service.contract.name

  const effectContext = (received: Received, tx: StoreTransaction): EffectContext<unknown> => {
    const { message } = received
    const origin = {
      service: name,
      correlationId: message.correlationId,
      causationId: message.id,
      traceparent: message.traceparent,
    }
    return { tx: bindTransaction(tx, { outbox: data.outbox, runtime, origin }), log, clock: runtime.clock, ids: runtime.ids }
  }

  return service.reactions.map(({ kind, event, name: reactionName, prepare, handle, concurrency, retry }): ConsumerReaction => ({
    kind,
    event,
    name: reactionName,
    concurrency,
    retry,
    prepare:
      prepare &&
      (async (received) => {
        const cancellation = new Cancellation()
        const timer = runtime.timers.after(PREPARE_DEADLINE, () => cancellation.cancel('deadline'))
        try {
          const context = contexts(callFor(received, name, cancellation, runtime), cancellation)
          return await prepare(eventOf(received), context as Parameters<typeof prepare>[1])
        } finally {
          timer.cancel()
        }
      }),
    handle: async (received, tx, prepared) => handle(eventOf(received), effectContext(received, tx), prepared),
  }))
}

function callFor(received: Received, service: string, cancellation: Cancellation, runtime: Runtime): CallContext {
  const { message } = received
  const sentAt = runtime.clock.monotonic()
  return {
    sentAt,
    deadline: sentAt + PREPARE_DEADLINE,
    cancellation,
    correlationId: message.correlationId,
    causationId: message.id,
    traceparent: message.traceparent,
    caller: service,
    idempotencyKey: undefined,
  }
}

function eventOf({ message, data }: Received): ReceivedEvent<Service['reactions'][number]['event']> {
  const { id, type, source, key, time, correlationId } = message
  return { id, type, source, key, time, correlationId, data }
}
