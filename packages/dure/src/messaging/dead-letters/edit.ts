import { CallError, type AnyEvent, type Message } from '../../contract/contract.ts'
import { describeThrown } from '../../contract/internal.ts'
import { isUnreadable } from '../cloud-events/cloud-events.ts'
import { decoderOf } from '../decode.ts'

/**
 * The message with its new data, if its consumer could take it: read as the consumer reads it, through every upcast,
 * and still of the key that it holds. The id stays, so that the inbox knows the message whichever version of it comes:
 * the broker may bring the original once more.
 * @throws {CallError} INVALID_ARGUMENT naming what is wrong
 */
export async function edited(message: Message, data: string, event: AnyEvent | undefined): Promise<Message> {
  const refused = (why: string): CallError =>
    new CallError('INVALID_ARGUMENT', `Cannot edit message "${message.id}" of "${message.type}": ${why}`)
  const changed = { ...message, data }
  if (event === undefined) {
    try {
      JSON.parse(data)
    } catch (error) {
      throw refused(`the new data are not JSON (${(error as Error).message})`)
    }
    return changed
  }
  const decode = decoderOf(event)
  let value: unknown
  try {
    value = await decode(changed)
  } catch (error) {
    // Which message it is has been said.
    const why = describeThrown(error)
      .message.replace(/^Cannot read message "[^"]*" of "[^"]*"/, '')
      .replace(/^: /, '')
    throw refused(`its consumer could not read the new data: ${why}`)
  }
  const key = keyOf(event, value)
  if (key !== message.key && (await keyFits(message, event))) {
    throw refused(
      `the new data are of key "${key}", and the message holds the key "${message.key}"; ` +
        'to move it to another key, discard it and have it published again',
    )
  }
  return changed
}

/** Whether its key is what the event makes of its data; a publisher of another kind may have its own keys. */
async function keyFits(message: Message, event: AnyEvent): Promise<boolean> {
  // What nobody could read is held by a key that nobody could check.
  if (isUnreadable(message)) return false
  try {
    return keyOf(event, await decoderOf(event)(message)) === message.key
  } catch {
    // Data that cannot be read say nothing about the key.
    return true
  }
}

function keyOf(event: AnyEvent, value: unknown): string | undefined {
  try {
    return event.key(value as never)
  } catch {
    return undefined
  }
}
