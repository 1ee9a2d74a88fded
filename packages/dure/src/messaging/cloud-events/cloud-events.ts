import type { Message } from '../../contract/contract.ts'
import { describeThrown, MESSAGE_LIMITS, wrongOf } from '../../contract/internal.ts'
import { ATTRIBUTES, attributesOf, JSON_TYPE, messageOf, type Around, type Attributes, type Pair } from './attributes.ts'
import { readStructured } from './structured.ts'
import { textOfBytes, UnreadableError, type BrokerRecord } from './record.ts'
import { keyOf, positionId, unreadableMessage } from './unreadable.ts'

export type { BrokerRecord } from './record.ts'
export { structuredText } from './structured.ts'
export { isUnreadable, unreadableReason } from './unreadable.ts'

/**
 * Messages as CloudEvents 1.0 (github.com/cloudevents/spec), so that programs that know nothing of Dure read and write them:
 * each attribute is a header, and the data are the body. Whatever arrives becomes a message.
 */

/** How a protocol writes them: its headers are named and escaped in its own way. */
export type Binding = 'kafka' | 'nats' | 'amqp' | 'redis'

type Rules = {
  /** What the name of an attribute's header begins with; and may begin with instead where others write it, as long. */
  readonly prefix: string
  readonly other?: string
  /** Attributes that most messages have, by their headers: what is found here is not looked at closer. */
  readonly known: ReadonlyMap<string, string>
  /** Header names mean the same in upper and lower case, and values are written in visible ASCII. */
  readonly isHttpLike: boolean
  /** The key goes in a place of its own. */
  readonly key: boolean
  /** The header of the media type; undefined: the protocol has a place for it. */
  readonly contentType: string | undefined
  /** A header of a message is one of the record. */
  readonly headers: boolean
}

const BINDINGS: Readonly<Record<Binding, Rules>> = {
  kafka: { ...namesWith('ce_'), isHttpLike: false, key: true, contentType: 'content-type', headers: true },
  nats: { ...namesWith('ce-'), isHttpLike: true, key: false, contentType: 'ce-datacontenttype', headers: true },
  amqp: {
    ...{ ...namesWith('cloudEvents_'), other: 'cloudEvents:', isHttpLike: false, key: false },
    ...{ contentType: undefined, headers: true },
  },
  // Nobody has written one for it. An entry has fields alone, which may be called anything.
  redis: { ...namesWith('ce_'), isHttpLike: false, key: false, contentType: 'content-type', headers: false },
}

function namesWith(prefix: string): Pick<Rules, 'prefix' | 'known'> {
  return { prefix, known: new Map(ATTRIBUTES.map((attribute) => [prefix + attribute, attribute])) }
}

/**
 * Bytes that a message may have on any wire at most, its headers included: what a server has to allow.
 *
 * @example
 * ```ts
 * import { MESSAGE_BYTES } from 'dure/messaging/adapter'
 *
 * console.log(`max.message.bytes=${MESSAGE_BYTES}`) // → max.message.bytes=1179648
 * ```
 */
export const MESSAGE_BYTES: number = MESSAGE_LIMITS.data + 128 * 1024

/** A message for a broker that has headers. Its key goes beside it where the protocol has a place for it. */
export type EncodedMessage = {
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** For protocols that have a place for it; where they have none, it is among the headers. */
  readonly contentType: string
  readonly data: string
}

/**
 * Writes a message as a CloudEvent in binary mode. On Kafka the key is the record's own and is left to the adapter.
 *
 * @example
 * ```ts
 * import { encodeMessage } from 'dure/messaging/adapter'
 *
 * const { headers } = encodeMessage('nats', {
 *   ...{ id: '1', source: 'shop', type: 'order.placed', key: '키', time: 0, schemaVersion: 1, correlationId: 'c' },
 *   ...{ causationId: undefined, traceparent: undefined, data: '{"total":7}' },
 * })
 * console.log(new Map(headers).get('ce-partitionkey')) // → %ED%82%A4
 * ```
 */
export function encodeMessage(binding: Binding, message: Message): EncodedMessage {
  const rules = BINDINGS[binding]
  const { prefix, isHttpLike, contentType: place } = rules
  const isNativeHeader = (name: string, value: string): boolean => rules.headers && isNative(name, value, isHttpLike)
  const { attributes, headers } = attributesOf(message, { key: rules.key, isNativeHeader })
  let contentType = JSON_TYPE
  const written: Pair[] = []
  for (const [name, value] of attributes) {
    const text = isHttpLike ? percentEncoded(value) : value
    if (name !== 'datacontenttype') written.push([prefix + name, text])
    else {
      contentType = value
      if (place !== undefined) written.push([place, text])
    }
  }
  return { headers: headers.length === 0 ? written : [...written, ...headers], contentType, data: message.data }
}

/**
 * Reads whatever a broker brought; never throws. A record without attributes of CloudEvents whose value is JSON is a message of
 * the type that its topic is called, from the source `foreign`. What cannot be read is a message too: consumers set it aside
 * under its key with the reason, as a dead letter in which its bytes are kept.
 *
 * @example
 * ```ts
 * import { decodeMessage } from 'dure/messaging/adapter'
 *
 * const place = { topic: 'orders', partition: 2, position: '41', time: 1_700_000_000_000 }
 * const { id, key, data } = decodeMessage('kafka', { ...place, key: 'o1', headers: [], data: Buffer.from('{"total":7}') })
 * console.log(id, key, data) // → orders/2/41@1700000000000 o1 {"total":7}
 * ```
 */
export function decodeMessage(binding: Binding, record: BrokerRecord): Message {
  if (record.wrong !== undefined) return unreadableMessage(record, record.wrong, {})
  let known: Attributes | undefined
  try {
    const parts = partsOf(BINDINGS[binding], record)
    known = parts.attributes
    const structured = structuredOf(record, parts)
    known = structured?.attributes ?? known
    const message = structured === undefined ? read(record, parts) : messageOf(structured.attributes, structured)
    const wrong = parts.wrong ?? wrongOf(message)
    if (wrong === undefined) return message
    return unreadableMessage(record, wrong, identityOf(known))
  } catch (error) {
    return unreadableMessage(record, describeThrown(error).message, identityOf(known))
  }
}

/** What is known of a record that cannot be read: the id of one of ours, and its key. */
function identityOf(attributes: Attributes | undefined): { readonly id: string | undefined; readonly key: string | undefined } {
  return { id: attributes?.has('dureversion') === true ? attributes.get('id') : undefined, key: attributes?.get('partitionkey') }
}

type Parts = {
  readonly attributes: Attributes
  readonly headers: readonly Pair[]
  readonly contentType: string | undefined
  /** The first of its headers that cannot be read. */
  readonly wrong: string | undefined
}

/** The headers of a record: attributes of an event, and others. */
function partsOf({ prefix, other, isHttpLike, known }: Rules, record: BrokerRecord): Parts {
  const attributes = new Map<string, string>()
  const headers: Pair[] = []
  let { contentType } = record
  let wrong: string | undefined
  for (const [given, value] of record.headers) {
    if (value === null || value === undefined) continue
    let attribute = known.get(given)
    const name = attribute === undefined && isHttpLike ? given.toLowerCase() : given
    if (attribute === undefined && (name.startsWith(prefix) || (other !== undefined && name.startsWith(other))))
      attribute = name.slice(prefix.length)
    const plain = textOf(value)
    const text = attribute !== undefined && isHttpLike && plain !== undefined ? percentDecoded(plain) : plain
    if (text === undefined) wrong ??= `its header "${given.slice(0, 80)}" is no text in UTF-8`
    else if (attribute !== undefined) attributes.set(attribute, text)
    else if (name.length === 12 && name.toLowerCase() === 'content-type') contentType ??= text
    else headers.push([name, text])
  }
  if (contentType === undefined) contentType = attributes.get('datacontenttype')
  else attributes.set('datacontenttype', contentType)
  return { attributes, headers, contentType, wrong }
}

/** An event that is in the body as a whole. */
function structuredOf(
  record: BrokerRecord,
  { contentType, headers }: Parts,
): (Around & { readonly attributes: Attributes }) | undefined {
  if (contentType === undefined || !/^application\/cloudevents/i.test(contentType)) return undefined
  if (!/^application\/cloudevents(\+json)?\s*(;|$)/i.test(contentType))
    throw new UnreadableError(`its media type is "${contentType}", and "application/cloudevents+json" is needed`)
  const { attributes, data } = readStructured(dataText(record.data, contentType))
  const { topic, time } = record
  return { attributes, topic, time, headers, key: keyOf(record.key), data: dataText(data, attributes.get('datacontenttype')) }
}

function read(record: BrokerRecord, parts: Parts): Message {
  const { topic, time } = record
  const { attributes, headers } = parts
  const key = keyOf(record.key)
  const data = dataText(record.data, attributes.get('datacontenttype'))
  const isEvent = attributes.has('specversion') || (attributes.has('id') && attributes.has('source') && attributes.has('type'))
  return isEvent ? messageOf(attributes, { topic, time, headers, key, data }) : plain(record, parts, { key, data })
}

/** The message of a record that says nothing of itself. */
function plain(record: BrokerRecord, { headers, contentType }: Parts, { key, data }: Pick<Message, 'key' | 'data'>): Message {
  if (contentType === undefined) {
    try {
      JSON.parse(data)
    } catch {
      throw new UnreadableError('its data are no JSON, and nothing says what they are')
    }
  }
  const id = positionId(record)
  return {
    id,
    source: 'foreign',
    type: record.topic,
    key,
    time: record.time,
    schemaVersion: 1,
    correlationId: id,
    causationId: undefined,
    traceparent: undefined,
    data,
    ...(contentType === undefined || contentType === JSON_TYPE ? {} : { contentType }),
    ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers) }),
  }
}

/** The data as text; where there are none, as JSON says nothing. */
function dataText(data: BrokerRecord['data'], contentType: string | undefined): string {
  if (data === null || data === undefined) return 'null'
  const text = typeof data === 'string' ? data : textOfBytes(data)
  if (text !== undefined) return text
  const what =
    contentType === undefined ? 'no text in UTF-8, and nothing says what they are' : `"${contentType}" and no text in UTF-8`
  throw new UnreadableError(`its data are ${what}`)
}

/** A header's value as text; undefined when it is bytes that are none. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return textOfBytes(value)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString()
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Names that mean the same everywhere, and are nobody's; on a wire of visible ASCII also values that may stand there as they are. */
function isNative(name: string, value: string, isHttpLike: boolean): boolean {
  if (!/^[a-z][a-z\d-]*$/.test(name) || /^(?:ce-|nats-|x-|content-type$)/.test(name)) return false
  return !isHttpLike || /^[!-~](?:[ -~]*[!-~])?$/.test(value)
}

/** As the bindings to HTTP and NATS ask: blanks, quotes, percent signs and all that is no visible ASCII. */
function percentEncoded(text: string): string {
  return /[^!#$&-~]/.test(text) ? text.replaceAll(/[^!#$&-~]+/g, encodeURIComponent) : text
}

/** Undefined when it is not of that form. */
function percentDecoded(text: string): string | undefined {
  const unquoted = /^".*"$/s.test(text) ? text.slice(1, -1).replaceAll(/\\(.)/gs, '$1') : text
  if (!unquoted.includes('%')) return unquoted
  try {
    return decodeURIComponent(unquoted)
  } catch {
    return undefined
  }
}
