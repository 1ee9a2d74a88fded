import type { Message } from '../../contract/contract.ts'
import { attributesFrom, attributesText, headerSize } from '../../contract/internal.ts'

/** A message as columns, and how they are declared. Its type stands among its attributes where its topic is called otherwise. */
export const MESSAGE_COLUMNS =
  'id, source, key, time, schema_version, correlation_id, causation_id, traceparent, data, attributes'

export const MESSAGE_TABLE = `id TEXT NOT NULL, source TEXT NOT NULL, key TEXT NOT NULL, time INTEGER NOT NULL,
  schema_version INTEGER NOT NULL, correlation_id TEXT NOT NULL, causation_id TEXT, traceparent TEXT, data TEXT NOT NULL, attributes TEXT`
/** The places of their values. */
export const MESSAGE_PLACES: string = MESSAGE_COLUMNS.replaceAll(/\w+/g, '?')

export type MessageParameters = (string | number | null)[]

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
    // The topic's place is said by the table, so the type stands in its stead.
    attributesText(message.topic === undefined ? message : { ...message, topic: message.type }),
  ]
}

export function messageFrom(row: Readonly<Record<string, unknown>>, topic: string): Message {
  const delay = Number(row['delay'] ?? 0)
  const attributes = attributesFrom(row['attributes'])
  const type = attributes?.topic ?? topic
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
    ...attributes,
    ...(type !== topic && { topic }),
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
    ...attributesFrom(attributesText(message)),
    ...(message.delay !== undefined && { delay: message.delay }),
  })
}

/** What messages count for among those that wait for a commit: one each, and a large one as many as it has KiB. */
export function weightOf(messages: readonly Message[]): number {
  let weight = 0
  for (const message of messages) weight += 1 + (message.data.length >>> 10)
  return weight
}

/** Bytes that a message takes, about. */
export function sizeOf(message: Message): number {
  return (
    Buffer.byteLength(message.data) + headerSize(message) + message.key.length + message.id.length + message.source.length + 96
  )
}
