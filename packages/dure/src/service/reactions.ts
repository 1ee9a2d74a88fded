import { type CallContext } from '../call/call.ts'
import { Cancellation, type CancelListener } from '../call/internal.ts'
import { CallError } from '../contract/contract.ts'
import { privateFieldsOf, servicePrincipal, withoutPrivate } from '../contract/internal.ts'
import { type StoreTransaction } from '../data/data.ts'
import { bindTransaction } from '../data/internal.ts'
import type { ConsumerReaction } from '../messaging/messaging.ts'
import type { Received } from '../messaging/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { type Logger } from '../telemetry/telemetry.ts'
import { traceIdOf, type ServiceMeter, type Tracer } from '../telemetry/internal.ts'
import type { MakeContext, Settings } from './context.ts'
import type { EffectContext, ReceivedEvent, Service } from './definition.ts'
import type { ServiceData } from './service-data.ts'
import { preparedKey, preparedKeys } from './prepared-keys.ts'
import { consumerTracing, type ConsumerTracing } from './consumer-tracing.ts'

/** Milliseconds one `prepare` may take, with its calls. */
const PREPARE_DEADLINE = 30_000

/**
 * A service's reactions as the consumer runs them: what happens because of an event continues that event's
 * correlation and trace, and names it as its cause.
 */
export function reactionsOf(options: {
  service: Service
  contexts: MakeContext
  data: ServiceData
  runtime: Runtime
  log: Logger
  tracer?: Tracer | undefined
  meter: ServiceMeter
  settings?: Settings | undefined
  /** Cancelled when the service has stopped: what hangs in a preparation is not waited for any more. */
  ends: Cancellation
}): readonly ConsumerReaction[] {
  const { service, contexts, data, runtime, log, tracer, meter, settings, ends } = options
  const name = service.contract.name

  const effectContext = (
    { message }: Received,
    tx: StoreTransaction,
    traceparent: string | undefined,
  ): EffectContext<unknown> => {
    const { correlationId, initiator } = message
    const origin = { service: name, correlationId, causationId: message.id, traceparent, initiator }
    return {
      tx: bindTransaction(tx, {
        outbox: data.outbox,
        runtime,
        origin,
        tracer,
        joins: data.joins,
      }) as EffectContext<unknown>['tx'],
      get log() {
        return log.with({ correlationId, traceId: traceIdOf(traceparent) })
      },
      get metrics() {
        return meter(traceparent)
      },
      clock: runtime.clock,
      ids: runtime.ids,
      random: runtime.random,
      ...(settings !== undefined && { config: settings.now() }),
    }
  }

  return service.reactions.map((given): ConsumerReaction => {
    const { kind, event, name: reaction, prepare, handle, instead, concurrency, retry } = given
    const { inSpan: traced, ...tracing } = consumerTracing({ group: name, reaction, event, retry, tracer })
    const inSpan = telling(event, traced)
    return {
      kind,
      event,
      name: reaction,
      concurrency,
      retry,
      prepare:
        prepare &&
        (async (received) => {
          const cancellation = new Cancellation()
          return inSpan(received, 'prepare', (traceparent) => {
            const key = preparedKey(`${name}/${reaction}`, received.message.id)
            const call = callFor({ received, key, service: name, cancellation, runtime, traceparent })
            const context = contexts(call, cancellation, undefined, preparedKeys(key))
            const prepared = async () => prepare(eventOf(received), context as Parameters<typeof prepare>[1])
            const tooLate = Promise.withResolvers<never>()
            cancellation.add({ onCancel: () => tooLate.reject(tooSlow(name, reaction)) })
            const following: CancelListener = { onCancel: (reason) => cancellation.cancel(reason) }
            ends.add(following)
            // One that hangs would keep the message's key, and a place among those in hand, for ever.
            const late = runtime.timers.after(PREPARE_DEADLINE, () => cancellation.cancel('deadline'), 'waited')
            return Promise.race([prepared(), tooLate.promise]).finally(() => {
              late.cancel()
              ends.remove(following)
              cancellation.over()
            })
          })
        }),
      handle: (received, tx, prepared) =>
        inSpan(
          received,
          'process',
          (traceparent) => handle(eventOf(received), effectContext(received, tx, traceparent), prepared),
          tx,
        ),
      ...tracing,
      instead:
        instead &&
        ((received, error) => {
          const other = instead(eventOf(received), error)
          return other && ((tx) => other(effectContext(received, tx, received.message.traceparent)))
        }),
    }
  })
}

/** What a reaction throws is written to spans, logs and beside the message: without what its event hides. */
function telling(
  { schema }: Service['reactions'][number]['event'],
  inSpan: ConsumerTracing['inSpan'],
): ConsumerTracing['inSpan'] {
  const fields = privateFieldsOf(schema, 'output')
  if (fields === undefined) return inSpan
  return (received, step, work, tx) => {
    const told = async (traceparent: string | undefined) => {
      try {
        return await work(traceparent)
      } catch (error) {
        throw withoutPrivate(error, fields.values(JSON.parse(received.message.data)))
      }
    }
    return inSpan(received, step, told, tx)
  }
}

function tooSlow(service: string, reaction: string): CallError {
  return new CallError(
    'DEADLINE_EXCEEDED',
    `Preparing "${reaction}" of service "${service}" was given up: it had not ended after ${PREPARE_DEADLINE} ms`,
  )
}

function callFor(options: {
  received: Received
  key: string
  service: string
  cancellation: Cancellation
  runtime: Runtime
  traceparent: string | undefined
}): CallContext {
  const { service, cancellation, runtime, traceparent } = options
  const { message } = options.received
  const sentAt = runtime.clock.monotonic()
  return {
    sentAt,
    deadline: sentAt + PREPARE_DEADLINE,
    cancellation,
    correlationId: message.correlationId,
    causationId: message.id,
    traceparent,
    caller: service,
    idempotencyKey: options.key,
    // Whoever caused the event may no longer be allowed to by the time it is worked on.
    principal: servicePrincipal(service, message.initiator),
    metadata: undefined,
  }
}

const NONE: Readonly<Record<string, string>> = Object.freeze({})

function eventOf({ message, data }: Received): ReceivedEvent<Service['reactions'][number]['event']> {
  const { id, type, source, key, time, correlationId, causationId, headers = NONE } = message
  const { replyTo, sequence, initiator } = message
  return { id, type, source, key, time, correlationId, causationId, headers, replyTo, sequence, initiator, data }
}
