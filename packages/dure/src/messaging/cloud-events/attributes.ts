import type { Message } from '../../contract/contract.ts'
import { UnreadableError } from './record.ts'

/** The attributes of a CloudEvent, each as its canonical text. */
export type Attributes = Map<string, string>

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
] as const
const REQUIRED: ReadonlySet<string> = new Set(['id', 'source', 'type'])

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
): { readonly attributes: Attributes; readonly headers: readonly (readonly [string, string])[] } {
  const attributes: Attributes = new Map([['specversion', '1.0']])
  const exact: Record<string, unknown> = {}
  for (const [field, name] of TEXTS) {
    const text = message[field]
    if (text === undefined) continue
    const says = !FORBIDDEN.test(text)
    if (!says) exact[field] = text
    if (says || REQUIRED.has(name)) attributes.set(name, says ? text : encodeURIComponent(text))
  }
  const { key, time, schemaVersion, sequence, delay, contentType, topic, headers } = message
  if (!apart.key && key !== '') {
    if (FORBIDDEN.test(key)) exact['key'] = key
    else attributes.set('partitionkey', key)
  }
  if (time >= TIMES[0] && time <= TIMES[1]) attributes.set('time', new Date(time).toISOString())
  else exact['time'] = time
  attributes.set('dureversion', String(schemaVersion))
  if (sequence !== undefined) attributes.set('duresequence', String(sequence))
  if (delay !== undefined) attributes.set('duredelay', String(delay))
  // Without one it is JSON, which others are told; one that says so itself comes back as such.
  if (contentType !== undefined && (contentType === JSON_TYPE || FORBIDDEN.test(contentType))) exact['contentType'] = contentType
  attributes.set('datacontenttype', exact['contentType'] === undefined ? (contentType ?? JSON_TYPE) : JSON_TYPE)
  // Where it travels is known where it arrives.
  if (topic === message.type) exact['topic'] = topic
  const native: (readonly [string, string])[] = []
  if (headers !== undefined) {
    const others: [string, string][] = []
    for (const header of Object.entries(headers)) (apart.isNativeHeader(...header) ? native : others).push(header)
    if (others.length > 0 || native.length === 0) exact['headers'] = Object.fromEntries(others)
  }
  if (Object.keys(exact).length > 0) attributes.set('dure', JSON.stringify(exact).replaceAll(EACH_FORBIDDEN, escaped))
  return { attributes, headers: native }
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
  /** When its attributes say none. */
  readonly key: string
  readonly time: number
  readonly headers: readonly (readonly [string, string])[]
  readonly data: string
}

/** @throws {UnreadableError} when they are no event's */
export function messageOf(attributes: Attributes, { topic, key, time, headers, data }: Around): Message {
  const version = attributes.get('specversion')
  if (version !== '1.0') throw new UnreadableError(`it is a CloudEvent of version "${version ?? ''}", and "1.0" is needed`)
  for (const name of REQUIRED)
    if ((attributes.get(name) ?? '') === '') throw new UnreadableError(`it is a CloudEvent without "${name}", which each needs`)
  const exact = exactOf(attributes.get('dure'))
  const own = attributes.get('dureversion')
  const type = exact['type'] ?? attributes.get('type')
  const id = own === undefined ? foreignId(attributes) : attributes.get('id')
  const contentType = exact['contentType'] ?? attributes.get('datacontenttype')
  const heads = exact['headers'] === undefined ? headers : [...headers, ...entriesOf(exact['headers'])]
  const message = {
    id,
    source: attributes.get('source'),
    type,
    key: attributes.get('partitionkey') ?? key,
    time: timeOf(attributes.get('time')) ?? time,
    schemaVersion: Number(own ?? 1),
    correlationId: attributes.get('correlationid') ?? id,
    causationId: attributes.get('causationid'),
    traceparent: attributes.get('traceparent'),
    data,
    ...given('replyTo', attributes.get('durereplyto')),
    ...given('sequence', numberOf(attributes.get('duresequence'))),
    ...given('delay', numberOf(attributes.get('duredelay'))),
    ...exact,
    ...given('topic', exact['topic'] ?? (topic === type ? undefined : topic)),
    ...given('contentType', contentType === JSON_TYPE && exact['contentType'] === undefined ? undefined : contentType),
    ...(heads.length > 0 || exact['headers'] !== undefined ? { headers: Object.fromEntries(heads) } : {}),
  }
  // Whether it is a message, `wrongOf` says.
  return message as Message
}

/** Fields that only a text of JSON could say. */
const EXACT: ReadonlySet<string> = new Set([...TEXTS.map(([field]) => field), 'key', 'time', 'contentType', 'topic', 'headers'])

function exactOf(text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined) return {}
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    throw new UnreadableError('its attribute "dure" is no JSON')
  }
  if (typeof read !== 'object' || read === null) throw new UnreadableError('its attribute "dure" is no record')
  return Object.fromEntries(Object.entries(read).filter(([field]) => EXACT.has(field)))
}

function entriesOf(headers: unknown): readonly (readonly [string, string])[] {
  return typeof headers === 'object' && headers !== null ? Object.entries(headers) : [['', headers as never]]
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

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}

function given<Name extends string, Value>(name: Name, value: Value | undefined): { readonly [_ in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [_ in Name]?: Value }
}
