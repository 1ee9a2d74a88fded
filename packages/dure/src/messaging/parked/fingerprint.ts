import { shortHash } from '../../data/internal.ts'

/** The short name of a dead letter, by which people ask for it: of one message at one consumer, always the same. */
export function letterOf(consumer: string, messageId: string): string {
  return shortHash(`${consumer}\n${messageId}`, 10)
}

/** What a service's outbox is called among its consumers. No reaction may be called so. */
export const OUTBOX = 'outbox'

export function outboxOf(service: string): string {
  return `${service}/${OUTBOX}`
}

/** What dead letters that failed alike have in common: the consumer, the topic, and the error but for the values in it. */
export function groupOf(failure: { readonly consumer: string; readonly topic: string; readonly error: string }): string {
  const { consumer, topic, error } = failure
  return shortHash(`${consumer}\n${topic}\n${withoutValues(firstLine(error))}`, 8)
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
