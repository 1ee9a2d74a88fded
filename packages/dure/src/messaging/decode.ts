import type { AnyEvent, Message } from '../contract/contract.ts'
import { decoderOf as contractDecoderOf, type Decoder } from '../contract/internal.ts'
import { isUnreadable, unreadableReason } from './cloud-events/cloud-events.ts'
import { NonRetryableError } from './non-retryable.ts'

const JSON_TYPE = 'application/json'

/** Makes the decoder of an event's messages. It throws (or rejects with) NonRetryableError naming what is wrong. */
export function decoderOf(event: AnyEvent): Decoder<Message> {
  const unreadable = (message: Message, why: string): NonRetryableError =>
    new NonRetryableError(`Cannot read message "${message.id}" of "${event.name}"${why}`)
  const decode = contractDecoderOf(event, unreadable)
  return (message) => {
    const reason = isUnreadable(message) ? unreadableReason(message) : undefined
    if (reason !== undefined) throw unreadable(message, `: ${reason}`)
    const { contentType } = message
    if (contentType !== undefined && !/^application\/([\w.]+\+)?json\b/i.test(contentType))
      throw unreadable(message, `: its data are "${contentType}", and "${JSON_TYPE}" is needed`)
    return decode(message)
  }
}
