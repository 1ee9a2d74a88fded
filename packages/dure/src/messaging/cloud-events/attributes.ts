import type { Message } from '../../contract/contract.ts'
import { UnreadableError } from './record.ts'

/** The attributes of a CloudEvent, each as its canonical text. */
export type Attributes = ReadonlyMap<string, string>
export type Pair = readonly [name: string, value: string]

/** What goes into the record's own place on a broker, and so in no attribute. */
export type Apart = { readonly key: boolean; readonly isNativeHeader: (name: string, value: string) => boolean }

/** Fields that are texts, and the attributes they are; those of Dure alone begin with its name. */
const TEXTS = [
  ['id', 'id'],
  ['source', 'source'],
  ['type', 'type'],
  ['correlationId', 'correlationid'],
  ['causationId', 'causationid'],
  ['traceparent', 'traceparent'],
  ['replyTo', 'durereplyto'],
  ['initiator', 'dureinitiator'],
] as const
/** Those that our messages have. */
export const ATTRIBUTES: readonly string[] = [
  ...TEXTS.map(([, name]) => name),
  ...['specversion', 'partitionkey', 'time', 'datacontenttype', 'dureversion', 'duresequence', 'duredelay', 'dure'],
]
const REQUIRED: readonly string[] = ['id', 'source', 'type']

/** What no attribute of CloudEvents may hold: controls, halves of pairs, code points that are no characters. */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u
const EACH_FORBIDDEN = new RegExp(FORBIDDEN, 'gu')
/** What the timestamps of RFC 3339 can say: the years 0 to 9999. */
const TIMES = [-62_167_219_200_000, 253_402_300_799_999] as const
export const JSON_TYPE = 'application/json'

/**
 * A message as attributes. What they cannot say as it is (a text with a line break, a header of any name) goes as JSON in one
 * more, `dure`, so that nothing is lost on the way; a reader that does not know it has all the rest.
 */
export function attributesOf(
  message: Message,
  apart: Apart,
): { readonly attributes: readonly Pair[]; readonly headers: readonly Pair[] } {
  const attributes: Pair[] = [['specversion', '1.0']]
  let exact: Record<string, unknown> | undefined
  const sayExactly = (field: string, value: unknown): void => void ((exact ??= {})[field] = value)
  for (const [field, name] of TEXTS) {
    const text = message[field]
    if (text === undefined) continue
    if (canSay(text)) attributes.push([name, text])
    else {
      sayExactly(field, text)
      if (REQUIRED.includes(name)) attributes.push([name, encodeURIComponent(text)])
    }
  }
  const { key, time, schemaVersion, sequence, delay, contentType, topic, headers } = message
  if (!apart.key && key !== '') {
    if (canSay(key)) attributes.push(['partitionkey', key])
    else sayExactly('key', key)
  }
  if (time >= TIMES[0] && time <= TIMES[1]) attributes.push(['time', new Date(time).toISOString()])
  else sayExactly('time', time)
  attributes.push(['dureversion', String(schemaVersion)])
  if (sequence !== undefined) attributes.push(['duresequence', String(sequence)])
  if (delay !== undefined) attributes.push(['duredelay', String(delay)])
  // Without one it is JSON, which others are told; one that says so itself comes back as such.
  const saysType = contentType === undefined || (contentType !== JSON_TYPE && canSay(contentType))
  if (!saysType) sayExactly('contentType', contentType)
  attributes.push(['datacontenttype', saysType ? (contentType ?? JSON_TYPE) : JSON_TYPE])
  // Where it travels is known where it arrives.
  if (topic === message.type) sayExactly('topic', topic)
  const native: Pair[] = []
  if (headers !== undefined) {
    const others: Pair[] = []
    for (const header of Object.entries(headers)) (apart.isNativeHeader(...header) ? native : others).push(header)
    if (others.length > 0 || native.length === 0) sayExactly('headers', Object.fromEntries(others))
  }
  if (exact !== undefined) attributes.push(['dure', JSON.stringify(exact).replaceAll(EACH_FORBIDDEN, escaped)])
  return { attributes, headers: native }
}

function canSay(text: string): boolean {
  return /^[ -~]*$/.test(text) || !FORBIDDEN.test(text)
}

/** As JSON writes a character that may not stand there itself. */
function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join(
    '',
  )
}

/** What is known of a message besides its attributes. */
export type Around = {
  readonly topic: string
  /** Of the record itself; empty when it has none, and its attributes may say one. */
  readonly key: string
  readonly time: number
  readonly headers: readonly Pair[]
  readonly data: string
}

/** Fields of a message that may still be wrong; what `wrongOf` finds nothing wrong with is one. */
type Draft = { -readonly [Field in keyof Message]: unknown }

/** @throws {UnreadableError} when they are no event's */
export function messageOf(attributes: Attributes, { topic, key, time, headers, data }: Around): Message {
  const version = attributes.get('specversion')
  if (version !== '1.0') throw new UnreadableError(`it is a CloudEvent of version "${version ?? ''}", and "1.0" is needed`)
  for (const name of REQUIRED)
    if ((attributes.get(name) ?? '') === '') throw new UnreadableError(`it is a CloudEvent without "${name}", which each needs`)
  const own = attributes.get('dureversion')
  const id = own === undefined ? foreignId(attributes) : attributes.get('id')
  const contentType = attributes.get('datacontenttype')
  const message: Draft = {
    id,
    source: attributes.get('source'),
    type: attributes.get('type'),
    key: key === '' ? (attributes.get('partitionkey') ?? '') : key,
    time: timeOf(attributes.get('time')) ?? time,
    schemaVersion: Number(own ?? 1),
    correlationId: attributes.get('correlationid') ?? id,
    causationId: attributes.get('causationid'),
    traceparent: attributes.get('traceparent'),
    data,
  }
  const replyTo = attributes.get('durereplyto')
  if (replyTo !== undefined) message.replyTo = replyTo
  const initiator = attributes.get('dureinitiator')
  if (initiator !== undefined) message.initiator = initiator
  const sequence = attributes.get('duresequence')
  if (sequence !== undefined) message.sequence = Number(sequence)
  const delay = attributes.get('duredelay')
  if (delay !== undefined) message.delay = Number(delay)
  if (contentType !== undefined && contentType !== JSON_TYPE) message.contentType = contentType
  if (headers.length > 0) message.headers = Object.fromEntries(headers)
  const exact = attributes.get('dure')
  if (exact !== undefined) sayExactly(message, exact)
  if (topic !== message.type) message.topic = topic
  return message as Message
}

/** Fields that only a text of JSON could say. */
const EXACT: ReadonlySet<string> = new Set([...TEXTS.map(([field]) => field), 'key', 'time', 'contentType', 'topic', 'headers'])

function sayExactly(message: Draft, text: string): void {
  let exact: unknown
  try {
    exact = JSON.parse(text)
  } catch {
    throw new UnreadableError('its attribute "dure" is no JSON')
  }
  if (typeof exact !== 'object' || exact === null) throw new UnreadableError('its attribute "dure" is no record')
  for (const [field, value] of Object.entries(exact)) {
    if (!EXACT.has(field)) continue
    const isMore = field === 'headers' && message.headers !== undefined && typeof value === 'object'
    message[field as keyof Message] = isMore ? withMore(message.headers as object, value as object) : value
  }
}

/** Not by assigning: one may be called `__proto__`. */
function withMore(some: object, more: object): object {
  return Object.fromEntries([...Object.entries(some), ...Object.entries(more)])
}

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

/** Of CloudEvents it is source and id together that name one; ids that are unique by themselves stay as they are. */
function foreignId(attributes: Attributes): string {
  const [id, source] = [attributes.get('id')!, attributes.get('source')!]
  if (UUID.test(id)) return id
  return `${id.replaceAll(/[%@]/g, encodeURIComponent)}@${source}`
}

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new UnreadableError(`its time "${text.slice(0, 80)}" is no timestamp of RFC 3339`)
  return time
}
