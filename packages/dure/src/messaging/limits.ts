import { CallError, type Message } from '../contract/contract.ts'

/** What every broker refuses, so that a message that one accepts is not lost on another. */
export const LIMITS: { readonly key: number; readonly name: number; readonly data: number } = {
  /** UTF-16 units of a key. */
  key: 1024,
  /** UTF-16 units of a topic's, queue's or group's name. */
  name: 200,
  /** UTF-16 units of a message's data. */
  data: 1024 * 1024,
}

/**
 * Refuses messages that could not arrive as they were sent.
 * @throws {CallError} INVALID_ARGUMENT; `details.index` and `details.id` name the first bad message
 */
export function checkMessages(messages: readonly Message[]): void {
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index]!
    const wrong = whatIsWrong(message)
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

/** @throws {CallError} INVALID_ARGUMENT when it is empty, too long or not well-formed */
export function checkName(what: 'topic' | 'queue' | 'group', name: string): void {
  if (name.length > 0 && name.length <= LIMITS.name && name.isWellFormed() && !name.includes('\0')) return
  throw new CallError(
    'INVALID_ARGUMENT',
    `Cannot use "${short(name)}" as the name of a ${what}: it needs 1 to ${LIMITS.name} characters of well-formed text without NUL`,
  )
}

function whatIsWrong(message: Message): string | undefined {
  const { id, type, key, data, time, schemaVersion } = message
  if (id.length === 0 || id.length > LIMITS.name) return `its id has ${id.length} characters, and 1 to ${LIMITS.name} are allowed`
  if (key.length > LIMITS.key) return `its key has ${key.length} characters, and ${LIMITS.key} are allowed; use a shorter key`
  if (data.length > LIMITS.data) {
    return `its data have ${data.length} characters, and ${LIMITS.data} are allowed; store the large part elsewhere and send a reference`
  }
  // A lone surrogate has no UTF-8 form: it would arrive as another character.
  if (!key.isWellFormed() || !data.isWellFormed())
    return 'its key or data hold half a surrogate pair, which cannot be written as UTF-8'
  if (!Number.isSafeInteger(time)) return `its time is ${time}; whole milliseconds since the epoch are needed`
  if (!Number.isSafeInteger(schemaVersion)) return `its schema version is ${schemaVersion}; a whole number is needed`
  if (type.length === 0 || type.length > LIMITS.name)
    return `its type has ${type.length} characters, and 1 to ${LIMITS.name} are allowed`
  return undefined
}

function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80).toWellFormed()}…` : text.toWellFormed()
}
