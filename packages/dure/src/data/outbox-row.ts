import type { Message } from '../contract/contract.ts'
import { attributesFrom, attributesText } from '../contract/internal.ts'

/** A message, where it goes, and for a queue the milliseconds until it is visible. */
export type OutboxMessage = Message & { readonly destination: 'topic' | 'queue'; readonly delay?: number }

/** A committed message at its place in the order of commits. */
export type OutboxRow = { readonly position: number; readonly message: OutboxMessage }

/** Columns of `dure_outbox` that hold the message, on every database. Its place in the order stands beside them. */
export const OUTBOX_COLUMNS =
  'destination, delay, id, source, type, key, time, schema_version, correlation_id, causation_id, traceparent, attributes, data'

/** Values of `OUTBOX_COLUMNS`. */
export function outboxValues(message: OutboxMessage): readonly (string | number | null)[] {
  return [
    message.destination,
    // Whole milliseconds, as every database has them.
    message.delay === undefined ? null : Math.ceil(message.delay),
    message.id,
    message.source,
    message.type,
    message.key,
    message.time,
    message.schemaVersion,
    message.correlationId,
    message.causationId ?? null,
    message.traceparent ?? null,
    attributesText(message),
    message.data,
  ]
}

/** @param values of a row, those of `OUTBOX_COLUMNS` from the index `from` on; numbers may be texts */
export function outboxMessage(values: readonly unknown[], from: number): OutboxMessage {
  const text = (at: number): string => String(values[from + at])
  const optional = (at: number): string | undefined => (values[from + at] === null ? undefined : text(at))
  return {
    id: text(2),
    source: text(3),
    type: text(4),
    key: text(5),
    time: Number(text(6)),
    schemaVersion: Number(text(7)),
    correlationId: text(8),
    causationId: optional(9),
    traceparent: optional(10),
    data: text(12),
    destination: text(0) === 'queue' ? 'queue' : 'topic',
    ...attributesFrom(values[from + 11]),
    ...(values[from + 1] === null ? {} : { delay: Number(text(1)) }),
  }
}

/** Bytes of the data of messages, as a database counts them. */
export function dataSize(messages: readonly Pick<OutboxMessage, 'data'>[]): number {
  let size = 0
  for (const { data } of messages) size += Buffer.byteLength(data)
  return size
}
