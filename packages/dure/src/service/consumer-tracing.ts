import type { AnyEvent, Message } from '../contract/contract.ts'
import { topicOf } from '../contract/internal.ts'
import type { StoreTransaction } from '../data/data.ts'
import { countedStatements, messageAttributes, STATEMENT_COUNTS } from '../data/internal.ts'
import type { ConsumerReaction, RetryPolicy } from '../messaging/messaging.ts'
import { isLastTry, type Received } from '../messaging/internal.ts'
import { longestBackoff } from '../runtime/internal.ts'
import { type Attributes } from '../telemetry/telemetry.ts'
import { isSampled, type ActiveSpan, type Tracer } from '../telemetry/internal.ts'

/** Puts spans around what a service does with messages. */
export type ConsumerTracing = {
  readonly inSpan: <T>(
    received: Received,
    step: 'prepare' | 'process',
    /** Gets the trace context that whatever it leads to is a child of. */
    work: (traceparent: string | undefined) => Promise<T> | T,
    /** The transaction that the step is done with, when it is one: a step that is rolled back is never told of. */
    tx?: StoreTransaction,
  ) => Promise<T>
} & Pick<ConsumerReaction, 'unreadable' | 'around'>

/** `group` is the service, which reads each reaction's messages as the group `<service>/<reaction>`. */
export function consumerTracing(options: {
  group: string
  reaction: string
  event: AnyEvent
  retry: RetryPolicy
  tracer: Tracer | undefined
}): ConsumerTracing {
  const { group, reaction, event, retry, tracer } = options
  if (tracer === undefined)
    return { inSpan: async ({ message }, _step, work) => work(message.traceparent), unreadable: undefined, around: undefined }

  const begin = (message: Message, delivery: Received['delivery'], step: 'prepare' | 'process'): ActiveSpan => {
    const { traceparent: parent } = message
    const attributes = attributesOf(message, step, `${group}/${reaction}`)
    const numbers = [ATTEMPT, PARTITION, ...STATEMENT_COUNTS]
    const shape = { name: `${step} ${message.type}`, kind: 'consumer', service: group, attributes, numbers } as const
    const details = { ...messageAttributes(message, event), ...deliveryAttributes(delivery) }
    return tracer.begin({ ...shape, parent, details }, parent === undefined ? tracer.sample() : isSampled(parent))
  }
  return {
    unreadable: (message, delivery, error) =>
      begin(message, delivery, 'process').end(error, afterFailure(retry, error, delivery.attempt)),
    inSpan: async (received, step, work, tx) => {
      const { message, delivery } = received
      const span = begin(message, delivery, step)
      const counted = countedStatements(tx)
      try {
        const result = await work(span.traceparent)
        if (tx === undefined) span.end()
        else {
          const counts = counted()
          tx.onCommit(() => span.end(undefined, counts))
        }
        return result
      } catch (error) {
        if (received.together !== true) span.end(error ?? new Error('It failed'), afterFailure(retry, error, delivery.attempt))
        throw error
      }
    },
    around: ({ traceparent }, attempt, work) =>
      tracer.holding(
        traceparent,
        work,
        (failure) => failure === undefined || isTold(attempt) || isLastTry(retry, failure.error, attempt),
      ),
  }
}

const [ATTEMPT, PARTITION] = ['dure.message.attempt', 'messaging.destination.partition.id']

/**
 * Of the tries of one message that fails for hours few say more than the one before: those whose number is a power of two
 * are told of as they fail, and the first and the last one always.
 */
function isTold(attempt: number): boolean {
  return (attempt & (attempt - 1)) === 0
}

function attributesOf(message: Message, step: string, consumer: string): Attributes {
  return {
    'messaging.system': 'dure',
    'messaging.operation.type': 'process',
    'messaging.operation.name': step,
    'messaging.destination.name': topicOf(message),
    'messaging.consumer.group.name': consumer,
  }
}

function deliveryAttributes({ attempt, partition, position }: Received['delivery']): Attributes {
  return {
    [ATTEMPT]: attempt,
    ...(partition !== undefined && { [PARTITION]: String(partition) }),
    ...(position !== undefined && { 'dure.message.position': position }),
  }
}

/** What becomes of a message whose effect has failed: milliseconds within which it is tried again. */
function afterFailure(retry: RetryPolicy, error: unknown, attempt: number): Attributes {
  return isLastTry(retry, error, attempt)
    ? { 'dure.message.dead': true }
    : { 'dure.message.next_try_within_ms': Math.ceil(longestBackoff(retry, attempt)) }
}
