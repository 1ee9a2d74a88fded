import { MESSAGE_LIMITS } from './message-limits.ts'
import type { Message } from './message.ts'

/** What few messages have, and what is kept and carried as one text for that reason. */
export type MessageAttributes = Pick<Message, 'topic' | 'headers' | 'contentType' | 'replyTo' | 'sequence' | 'initiator'>

/**
 * The topic (or queue) that a message travels on.
 *
 * @example
 * ```ts
 * import { topicOf } from 'dure/messaging/adapter'
 *
 * console.log(topicOf({ type: 'order.placed' }), topicOf({ type: 'order.placed', topic: 'orders' })) // → order.placed orders
 * ```
 */
export function topicOf({ topic, type }: Pick<Message, 'topic' | 'type'>): string {
  return topic ?? type
}

/** Bytes that a message's headers may have, at most: they are bounded, and counting them would cost more than it saves. */
export function headerSize({ headers }: Pick<Message, 'headers'>): number {
  return headers === undefined ? 0 : MESSAGE_LIMITS.headerBytes
}

/** A message's attributes as one text; null when it has none. */
export function attributesText(message: MessageAttributes): string | null {
  const { topic, headers, contentType, replyTo, sequence, initiator } = message
  // JSON leaves out what is undefined.
  return (topic ?? headers ?? contentType ?? replyTo ?? sequence ?? initiator) === undefined
    ? null
    : JSON.stringify({ topic, headers, contentType, replyTo, sequence, initiator })
}

/** What `attributesText` made a text of; frozen. Of a text that it did not make: headers that no broker takes. */
export function attributesFrom(text: unknown): MessageAttributes | undefined {
  if (text === null || text === undefined) return undefined
  try {
    const { headers, ...others } = JSON.parse(String(text)) as MessageAttributes
    return headers === undefined ? others : { ...others, headers: Object.freeze(headers) }
  } catch {
    return { headers: String(text) as never }
  }
}
