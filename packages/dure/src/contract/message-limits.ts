import type { Message } from './message.ts'

/** What every broker refuses, so that a message that one accepts is not lost on another. */
export const MESSAGE_LIMITS: Readonly<Record<'key' | 'name' | 'subject' | 'data' | 'headers' | 'headerBytes' | 'delay', number>> =
  {
    /** UTF-16 units of a key. */
    key: 1024,
    /** UTF-16 units of a topic's, queue's or group's name, and of a correlation id. */
    name: 200,
    /** The same of who began it: what a principal's subject may have. */
    subject: 255,
    /** Bytes of a message's data, as UTF-8. */
    data: 1024 * 1024,
    /** Headers of a message, and bytes of their names and values as UTF-8. */
    headers: 64,
    headerBytes: 8 * 1024,
    /** Milliseconds that a queue may put a message off: a hundred years. */
    delay: 3_155_760_000_000,
  }

/**
 * Why a text that goes along with a call or a message cannot, in words that fit behind its name; undefined when it can. NUL
 * has no place in a text of PostgreSQL, half a surrogate pair none in UTF-8.
 */
export function wrongText(value: unknown, most: number): string | undefined {
  if (typeof value !== 'string') return `is of type ${value === null ? 'null' : typeof value}; give a text`
  if (value.length === 0 || value.length > most) return `has ${value.length} characters; give 1 to ${most}`
  if (value.includes('\0')) return 'holds the character NUL, which not every database can store'
  if (!value.isWellFormed()) return 'holds half a surrogate pair, which cannot be written as UTF-8'
  return undefined
}

/** Why a message could not arrive as it was sent, in words that fit behind a colon; undefined when it can. */
export function wrongOf(message: Message): string | undefined {
  const { id, source, type, key, data, time, schemaVersion, correlationId, causationId, traceparent } = message
  const wrong =
    wrongPart('id', id) ??
    wrongPart('source', source) ??
    wrongPart('type', type) ??
    wrongPart('correlation id', correlationId) ??
    wrongPart('causation id', causationId) ??
    wrongPart('traceparent', traceparent) ??
    wrongPart('topic', message.topic) ??
    wrongPart('content type', message.contentType) ??
    wrongPart('address for answers', message.replyTo) ??
    wrongPart('initiator', message.initiator, MESSAGE_LIMITS.subject) ??
    wrongHeaders(message.headers) ??
    wrongDelay(message.delay)
  if (wrong !== undefined) return wrong
  if (typeof key !== 'string') return `its key is of type ${key === null ? 'null' : typeof key}; a text is needed`
  if (key.length > MESSAGE_LIMITS.key)
    return `its key has ${key.length} characters, and ${MESSAGE_LIMITS.key} are allowed; use a shorter key`
  const size = bytesOf(data, MESSAGE_LIMITS.data)
  if (size > MESSAGE_LIMITS.data) {
    return `its data are ${size} bytes, and ${MESSAGE_LIMITS.data} are allowed; store the large part elsewhere and send a reference`
  }
  // A lone surrogate has no UTF-8 form: it would arrive as another character.
  if (!key.isWellFormed() || !data.isWellFormed())
    return 'its key or data hold half a surrogate pair, which cannot be written as UTF-8'
  // Data in JSON have it in another form; a text of PostgreSQL cannot hold it at all.
  if (key.includes('\0')) return 'its key holds the character NUL, which not every database can store'
  if (!Number.isSafeInteger(time)) return `its time is ${time}; whole milliseconds since the epoch are needed`
  if (message.sequence !== undefined && !Number.isSafeInteger(message.sequence))
    return `its sequence is ${message.sequence}; a whole number is needed`
  if (!Number.isSafeInteger(schemaVersion)) return `its schema version is ${schemaVersion}; a whole number is needed`
  return undefined
}

/** Bytes of a text as UTF-8, counted only where they may be more than `most`: a character is three at most. */
function bytesOf(text: string, most: number): number {
  return text.length * 3 <= most ? text.length : Buffer.byteLength(text)
}

function wrongHeaders(headers: Message['headers']): string | undefined {
  if (headers === undefined) return undefined
  if (typeof headers !== 'object' || headers === null) return 'its headers are no record of texts'
  const entries = Object.entries(headers)
  if (entries.length > MESSAGE_LIMITS.headers)
    return `it has ${entries.length} headers, and ${MESSAGE_LIMITS.headers} are allowed`
  let size = 0
  for (const [name, value] of entries) {
    const wrong =
      wrongText(name, MESSAGE_LIMITS.name) ?? (value === '' ? undefined : wrongText(value, MESSAGE_LIMITS.headerBytes))
    if (wrong !== undefined) return `one of its headers (name or value) ${wrong}`
    size += Buffer.byteLength(name) + Buffer.byteLength(value)
  }
  if (size <= MESSAGE_LIMITS.headerBytes) return undefined
  return `its headers are ${size} bytes, and ${MESSAGE_LIMITS.headerBytes} are allowed; put what is large into the data`
}

/** Why a queue cannot put a message off for so long, in words; undefined when it can. */
export function wrongDelay(delay: number | undefined): string | undefined {
  if (delay === undefined || (typeof delay === 'number' && delay >= 0 && delay <= MESSAGE_LIMITS.delay)) return undefined
  return `its delay is ${String(delay)}; give milliseconds from 0 to ${MESSAGE_LIMITS.delay}`
}

function wrongPart(name: string, text: string | undefined, most = MESSAGE_LIMITS.name): string | undefined {
  const wrong = text === undefined ? undefined : wrongText(text, most)
  return wrong === undefined ? undefined : `its ${name} ${wrong}`
}
