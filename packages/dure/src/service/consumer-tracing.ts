import type { Message } from '../contract/contract.ts'
import { topicOf } from '../contract/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { type Attributes } from '../telemetry/telemetry.ts'
import { isSampled, type SpanStart, type Tracer } from '../telemetry/internal.ts'

/** Puts spans around what a service does with messages. */
export type TraceMessage = <T>(
  message: Message,
  step: 'prepare' | 'process',
  /** Gets the trace context that whatever it leads to is a child of. */
  work: (traceparent: string | undefined) => Promise<T> | T,
  /** Where to ask to be told of the commit, when the step is done only then; one that is rolled back is never told of. */
  onCommit?: (listener: () => void) => void,
) => Promise<T>

/** `group` is the service, which reads each reaction's messages as the group `<service>/<reaction>`. */
export function consumerTracing(options: {
  group: string
  reaction: string
  runtime: Runtime
  tracer: Tracer | undefined
}): TraceMessage {
  const { group, reaction, runtime, tracer } = options
  if (tracer === undefined) return async (message, _step, work) => work(message.traceparent)

  const startOf = (message: Message, step: 'prepare' | 'process'): SpanStart & { readonly at: number } => ({
    name: `${step} ${message.type}`,
    kind: 'consumer',
    service: group,
    parent: message.traceparent,
    at: runtime.clock.monotonic(),
    attributes: attributesOf(message, step, `${group}/${reaction}`),
  })
  return async (message, step, work, onCommit) => {
    const { traceparent } = message
    if (traceparent === undefined || !isSampled(traceparent)) {
      const at = runtime.clock.monotonic()
      try {
        return await work(traceparent)
      } catch (error) {
        tracer.record({ ...startOf(message, step), at, error: error ?? new Error('It failed') })
        throw error
      }
    }
    const span = tracer.begin(startOf(message, step))
    try {
      const result = await work(span.traceparent)
      if (onCommit === undefined) span.end()
      else onCommit(() => span.end())
      return result
    } catch (error) {
      span.end(error ?? new Error('It failed'))
      throw error
    }
  }
}

function attributesOf(message: Message, step: string, consumer: string): Attributes {
  return {
    'messaging.system': 'dure',
    'messaging.operation.type': 'process',
    'messaging.operation.name': step,
    'messaging.destination.name': topicOf(message),
    'messaging.consumer.group.name': consumer,
    'messaging.message.id': message.id,
  }
}
