import type { Message } from '../../contract/contract.ts'

/** A message as columns. Its type is the topic's or queue's name and is not stored again. */
export const MESSAGE_COLUMNS = 'id, source, key, time, schema_version, correlation_id, causation_id, traceparent, data'

export type MessageParameters = [string, string, string, number, number, string, string | null, string | null, string]

export function messageParameters(message: Message): MessageParameters {
  return [
    message.id,
    message.source,
    message.key,
    message.time,
    message.schemaVersion,
    message.correlationId,
    message.causationId ?? null,
    message.traceparent ?? null,
    message.data,
  ]
}

export function messageFrom(row: Readonly<Record<string, unknown>>, type: string): Message {
  const delay = Number(row['delay'] ?? 0)
  return Object.freeze({
    id: row['id'] as string,
    source: row['source'] as string,
    type,
    key: row['key'] as string,
    time: Number(row['time']),
    schemaVersion: Number(row['schema_version']),
    correlationId: row['correlation_id'] as string,
    causationId: (row['causation_id'] as string | null) ?? undefined,
    traceparent: (row['traceparent'] as string | null) ?? undefined,
    data: row['data'] as string,
    ...(delay > 0 && { delay }),
  })
}

/** The broker's own copy: what is read from memory is what would be read from the table. */
export function ownCopy(message: Message): Message {
  return Object.freeze({
    id: message.id,
    source: message.source,
    type: message.type,
    key: message.key,
    time: message.time,
    schemaVersion: message.schemaVersion,
    correlationId: message.correlationId,
    causationId: message.causationId ?? undefined,
    traceparent: message.traceparent ?? undefined,
    data: message.data,
    ...(message.delay !== undefined && { delay: message.delay }),
  })
}

/** What messages count for among those that wait for a commit: one each, and a large one as many as it has KiB. */
export function weightOf(messages: readonly Message[]): number {
  let weight = 0
  for (const message of messages) weight += 1 + (message.data.length >>> 10)
  return weight
}

/** Bytes that a message takes, about: text of one byte a character and the columns beside it. */
export function sizeOf(message: Message): number {
  return message.data.length + message.key.length + message.id.length + message.source.length + 96
}
