import type { Message } from './message.ts'

/** What every broker refuses, so that a message that one accepts is not lost on another. */
export const MESSAGE_LIMITS: { readonly key: number; readonly name: number; readonly data: number } = {
  /** UTF-16 units of a key. */
  key: 1024,
  /** UTF-16 units of a topic's, queue's or group's name. */
  name: 200,
  /** UTF-16 units of a message's data. */
  data: 1024 * 1024,
}

/** Why a message could not arrive as it was sent, in words that fit behind a colon; undefined when it can. */
export function wrongOf(message: Message): string | undefined {
  const { id, type, key, data, time, schemaVersion } = message
  if (id.length === 0 || id.length > MESSAGE_LIMITS.name)
    return `its id has ${id.length} characters, and 1 to ${MESSAGE_LIMITS.name} are allowed`
  if (key.length > MESSAGE_LIMITS.key)
    return `its key has ${key.length} characters, and ${MESSAGE_LIMITS.key} are allowed; use a shorter key`
  if (data.length > MESSAGE_LIMITS.data) {
    return `its data have ${data.length} characters, and ${MESSAGE_LIMITS.data} are allowed; store the large part elsewhere and send a reference`
  }
  // A lone surrogate has no UTF-8 form: it would arrive as another character.
  if (!key.isWellFormed() || !data.isWellFormed())
    return 'its key or data hold half a surrogate pair, which cannot be written as UTF-8'
  // Data in JSON have it in another form; a text of PostgreSQL cannot hold it at all.
  if (key.includes('\0') || id.includes('\0')) return 'its key or id holds the character NUL, which not every database can store'
  if (!Number.isSafeInteger(time)) return `its time is ${time}; whole milliseconds since the epoch are needed`
  if (!Number.isSafeInteger(schemaVersion)) return `its schema version is ${schemaVersion}; a whole number is needed`
  if (type.length === 0 || type.length > MESSAGE_LIMITS.name)
    return `its type has ${type.length} characters, and 1 to ${MESSAGE_LIMITS.name} are allowed`
  return undefined
}
