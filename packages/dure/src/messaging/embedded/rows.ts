import type { DatabaseSync, StatementSync } from 'node:sqlite'
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

/** A message as it is asked for: where it stands and its delay, and behind them the values of its columns. */
export type MessageRow = readonly [
  ...[place: number, delay: number],
  ...[id: string, source: string, key: string, time: number, schemaVersion: number, correlationId: string],
  ...[causationId: string | null, traceparent: string | null, data: string, attributes: string | null],
]
export type MessageRows = {
  readonly all: (...values: readonly (string | number)[]) => readonly MessageRow[]
  readonly get: (...values: readonly (string | number)[]) => MessageRow | undefined
  readonly iterate: (...values: readonly (string | number)[]) => Iterable<MessageRow>
}

/** As arrays: to make objects of rows takes nearly as long as to read them. */
export function selectMessages(db: DatabaseSync, text: string): MessageRows {
  const statement: StatementSync = db.prepare(text)
  statement.setReturnArrays(true)
  return statement as unknown as MessageRows
}

/** One of whoever reads it: it is not frozen, so nobody remembers for other readers that it was right. */
export function messageFrom(row: MessageRow, topic: string): Message {
  const [, delay, id, source, key, time, schemaVersion, correlationId, causationId, traceparent, data, text] = row
  const attributes = attributesFrom(text)
  const type = attributes?.topic ?? topic
  return {
    id,
    source,
    type,
    key,
    time,
    schemaVersion,
    correlationId,
    causationId: causationId ?? undefined,
    traceparent: traceparent ?? undefined,
    data,
    ...attributes,
    ...(type !== topic && { topic }),
    ...(delay > 0 && { delay }),
  }
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
