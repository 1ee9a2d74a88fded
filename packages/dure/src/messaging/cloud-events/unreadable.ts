import { createHash } from 'node:crypto'
import type { Message } from '../../contract/contract.ts'
import { MESSAGE_LIMITS, wrongText } from '../../contract/internal.ts'
import { bytesOf, textOfBytes, type BrokerRecord } from './record.ts'

/** Media type of the data of a message that stands for what could not be read: why, and what it was. */
const UNREADABLE = 'application/vnd.dure.unreadable+json'

export const isUnreadable = ({ contentType }: Pick<Message, 'contentType'>): boolean => contentType === UNREADABLE

/** Bytes of what could not be read that are kept with it, at most. */
const MOST_RAW = 512 * 1024

/**
 * The message that stands for a record that is none. Who consumes its topic sets it aside under its key, with the reason; its
 * bytes are in it as base64.
 */
export function unreadableMessage(
  record: BrokerRecord,
  reason: string,
  known: { readonly id?: string | undefined; readonly key?: string | undefined },
): Message {
  const { topic, partition, position, time, key, headers } = record
  const bytes = bytesOf(record.data)
  const id = known.id !== undefined && wrongText(known.id, MESSAGE_LIMITS.name) === undefined ? known.id : positionId(record)
  const read = {
    ...{ reason: reason.toWellFormed().replaceAll('\0', ''), topic, partition, position },
    // The first of them, so that it stays a message.
    headers: [...headers].slice(0, MESSAGE_LIMITS.headers).map(([name, value]) => [name.slice(0, 200), short(value)]),
    ...(typeof key === 'object' && key !== null ? { key: Buffer.from(key).subarray(0, 8_192).toString('base64') } : {}),
    bytes: bytes.length,
    base64: bytes.subarray(0, MOST_RAW).toString('base64'),
  }
  return {
    id,
    source: 'foreign',
    type: topic,
    key: keyOf(key) === '' ? keyOf(known.key) : keyOf(key),
    time: Number.isSafeInteger(time) ? time : 0,
    schemaVersion: 1,
    correlationId: id,
    causationId: undefined,
    traceparent: undefined,
    data: JSON.stringify(read),
    contentType: UNREADABLE,
  }
}

/** Why it could not be read, of a message that stands for what could not; undefined when its data were edited since. */
export function unreadableReason({ data }: Message): string | undefined {
  try {
    const { reason, bytes, topic, partition, position } = JSON.parse(data) as Record<string, unknown>
    if (typeof reason !== 'string') return undefined
    return `${reason} (${String(bytes)} bytes at ${String(position)} of partition ${String(partition)} of "${String(topic)}")`
  } catch {
    return undefined
  }
}

/** The id of what says none: the place where it stands, and when it came there, as a topic may be made anew. */
export function positionId({ topic, partition, position, time }: BrokerRecord): string {
  const id = `${topic}/${partition}/${position}@${time}`
  return wrongText(id, MESSAGE_LIMITS.name) === undefined ? id : hashOf(Buffer.from(id))
}

/** A record's key as text. One that is no text is still the same for the same bytes, so its order is kept. */
export function keyOf(key: BrokerRecord['key']): string {
  if (key === null || key === undefined) return ''
  const text = typeof key === 'string' ? key : textOfBytes(key)
  if (text !== undefined && text.length <= MESSAGE_LIMITS.key && !text.includes('\0') && text.isWellFormed()) return text
  const raw = bytesOf(key)
  const coded = `base64:${raw.toString('base64')}`
  return coded.length <= MESSAGE_LIMITS.key ? coded : hashOf(raw)
}

function hashOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

function short(value: unknown): string {
  if (value instanceof Uint8Array) return bytesOf(value.subarray(0, 256)).toString()
  return typeof value === 'string' ? value.slice(0, 256).toWellFormed() : typeof value
}
