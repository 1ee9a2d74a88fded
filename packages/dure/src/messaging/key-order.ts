import { CallError, type Message } from '../contract/contract.ts'
import { describeThrown } from '../contract/internal.ts'

/**
 * Publishes through a broker that may take some messages of a list and not others (one acknowledgement a message, many under
 * way), and keeps what the Topics port promises: of each key a first part is there, never a later message without those
 * before it. A message goes when the one of its key before it has been taken; different keys go side by side.
 *
 * A broker that takes a list whole, or a first part of it (one transaction, Kafka's idempotent producer), needs none of this.
 *
 * @param take gives one message to the broker; resolved means that it is durable there
 * @throws {CallError} what the first message that was not taken was refused with; `details.id` names it
 *
 * @example
 * ```ts
 * import { publishInKeyOrder } from 'dure/messaging/adapter'
 *
 * const message = {
 *   ...{ id: '1', source: 'shop', type: 'order.placed', key: 'o1', time: 0, schemaVersion: 1, correlationId: 'c' },
 *   ...{ causationId: undefined, traceparent: undefined, data: '{}' },
 * }
 * await publishInKeyOrder([message], async ({ type, key }) => console.log(type, key)) // → order.placed o1
 * ```
 */
export async function publishInKeyOrder(messages: readonly Message[], take: (message: Message) => Promise<void>): Promise<void> {
  let failure: CallError | undefined
  const publishKey = async (ofKey: readonly Message[]): Promise<void> => {
    for (const message of ofKey) {
      if (failure !== undefined) return
      try {
        await take(message)
      } catch (error) {
        failure ??= blaming(message, error)
        return
      }
    }
  }
  // All are waited for: what is still under way could arrive after what is published again.
  await Promise.all(
    Map.groupBy(messages, ({ key }) => key)
      .values()
      .map(publishKey),
  )
  if (failure !== undefined) throw failure
}

function blaming({ id, type }: Message, cause: unknown): CallError {
  const known = cause instanceof CallError ? cause : undefined
  const text = `Publishing message "${id}" of "${type}" failed: ${describeThrown(cause).message}`
  return new CallError(known?.code ?? 'UNAVAILABLE', text, { details: { ...known?.details, id }, cause, inside: true })
}
