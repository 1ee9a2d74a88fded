import { CallError, MESSAGE_LIMITS, wrongOf, type Message } from '../contract/contract.ts'

/**
 * Refuses messages that could not arrive as they were sent.
 * @throws {CallError} INVALID_ARGUMENT; `details.index` and `details.id` name the first bad message
 */
export function checkMessages(messages: readonly Message[]): void {
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index]!
    const wrong = wrongOf(message)
    if (wrong === undefined) continue
    throw new CallError(
      'INVALID_ARGUMENT',
      `Cannot publish message "${short(message.id)}" of "${short(message.type)}": ${wrong}`,
      {
        details: { index, id: short(message.id) },
      },
    )
  }
}

/** Refuses data that no message may have. @throws {CallError} INVALID_ARGUMENT */
export function checkData(type: string, data: string): void {
  if (data.length <= MESSAGE_LIMITS.data && data.isWellFormed()) return
  const why =
    data.length > MESSAGE_LIMITS.data
      ? `they have ${data.length} characters, and ${MESSAGE_LIMITS.data} are allowed`
      : 'they hold half a surrogate pair, which cannot be written as UTF-8'
  throw new CallError('INVALID_ARGUMENT', `Cannot change the data of a message of "${short(type)}": ${why}`)
}

/** @throws {CallError} INVALID_ARGUMENT when it is empty, too long or not well-formed */
export function checkName(what: 'topic' | 'queue' | 'group', name: string): void {
  if (name.length > 0 && name.length <= MESSAGE_LIMITS.name && name.isWellFormed() && !name.includes('\0')) return
  throw new CallError(
    'INVALID_ARGUMENT',
    `Cannot use "${short(name)}" as the name of a ${what}: it needs 1 to ${MESSAGE_LIMITS.name} characters of well-formed text without NUL`,
  )
}

function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80).toWellFormed()}…` : text.toWellFormed()
}
