import { createHash } from 'node:crypto'

/** The short name of a dead letter, by which people ask for it: of one message at one consumer, always the same. */
export function letterOf(consumer: string, messageId: string): string {
  return short(`${consumer}\n${messageId}`, 10)
}

/** What a service's outbox is called among its consumers. No reaction may be called so. */
export const OUTBOX = 'outbox'

export function outboxOf(service: string): string {
  return `${service}/${OUTBOX}`
}

/** A key in a form that fits an index of any database: keys may be longer than those take. */
export function hashOf(key: string): string {
  return short(key, 10)
}

/** What dead letters that failed alike have in common: the consumer, the topic, and the error but for the values in it. */
export function fingerprintOf(failure: { readonly consumer: string; readonly topic: string; readonly error: string }): string {
  const { consumer, topic, error } = failure
  return short(`${consumer}\n${topic}\n${withoutValues(firstLine(error))}`, 8)
}

export function firstLine(error: string): string {
  return error.split('\n', 1)[0]!.trim()
}

/**
 * An error's text without what differs from message to message: quoted values, ids, numbers. Names in single quotes
 * stay, since that is how the engine itself names properties: `reading 'total'`.
 */
function withoutValues(text: string): string {
  return text
    .slice(0, 500)
    .replaceAll(/"[^"]*"|“[^”]*”|`[^`]*`/g, '"…"')
    .replaceAll(/'(?![A-Za-z_$][\w$]*')[^']*'/g, "'…'")
    .replaceAll(/\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/gi, '#')
    .replaceAll(/\b(?=[a-z]*\d)[\da-f]{8,}\b/gi, '#')
    .replaceAll(/\d+(?:[.,:]\d+)*/g, '#')
}

/** Letters and digits that are not taken for one another. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789'

function short(text: string, length: number): string {
  const bytes = createHash('sha256').update(text).digest()
  return Array.from({ length }, (_, i) => ALPHABET[bytes[i]! % ALPHABET.length]!).join('')
}
