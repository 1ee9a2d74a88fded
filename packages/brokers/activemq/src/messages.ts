import rhea from 'rhea'
import type { Message } from 'dure/contract'
import { decodeMessage, encodeMessage } from 'dure/messaging/adapter'

/** A message as it goes over the wire: a CloudEvent in the binding to AMQP. */
export function encode(message: Message, ttl?: number): Buffer {
  const { headers, contentType, data } = encodeMessage('amqp', message)
  return rhea.message.encode({
    durable: true,
    ...(ttl !== undefined && { ttl }),
    ...{ message_id: message.id, content_type: contentType, creation_time: new Date(message.time) },
    application_properties: Object.fromEntries(headers),
    body: rhea.message.data_section(Buffer.from(data)),
  })
}

/** Those of the servers themselves. */
const OWN = /^(?:_AMQ_|JMSX)/

/**
 * Whatever comes becomes a message; what cannot be read becomes one that consumers set aside.
 * @param newId a place for a message whose sender gave it no id
 */
export function decode(
  bytes: Buffer,
  { topic, partition, newId }: { readonly topic: string; readonly partition: number; readonly newId: () => string },
): { readonly message: Message; readonly position: string } {
  const found = read(bytes)
  const position = found?.message_id === undefined ? newId() : textOf(found.message_id)
  const time = found?.creation_time
  const message = decodeMessage('amqp', {
    ...{ topic, partition, position, time: time instanceof Date ? time.getTime() : Number(time ?? 0) || 0 },
    // JMS has no other place for a key.
    key: typeof found?.group_id === 'string' ? found.group_id : undefined,
    headers: Object.entries(found?.application_properties ?? {}).filter(([name]) => !OWN.test(name)),
    contentType: found?.content_type === undefined ? undefined : String(found.content_type),
    data: found === undefined ? bytes : dataOf(found.body),
  })
  return { message, position }
}

type Found = {
  readonly message_id?: unknown
  readonly creation_time?: unknown
  readonly group_id?: unknown
  readonly content_type?: unknown
  readonly application_properties?: Record<string, unknown>
  readonly body?: unknown
}

function read(bytes: Buffer): Found | undefined {
  try {
    return rhea.message.decode(bytes) as Found
  } catch {
    return undefined
  }
}

const DATA = 0x75

/** The data: bytes as they are, a text, or as JSON what is neither (a map, a list, a number). */
function dataOf(body: unknown): Buffer | string | null {
  if (body === undefined || body === null) return null
  const section = body as { readonly typecode?: number; readonly content?: unknown; readonly multiple?: boolean }
  if (section.typecode === DATA)
    return section.multiple === true ? Buffer.concat(section.content as Buffer[]) : (section.content as Buffer)
  const value = section.typecode === undefined ? body : section.content
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value
  return JSON.stringify(value)
}

function textOf(id: unknown): string {
  return Buffer.isBuffer(id) ? id.toString('hex') : String(id)
}

/** A message between adapters alone, as JSON. */
export function encodeJson(value: unknown, fields: { readonly [field: string]: unknown } = {}): Buffer {
  return rhea.message.encode({ ...fields, body: JSON.stringify(value) })
}

/** @throws when it is none */
export function decodeJson<Value>(bytes: Buffer): Value {
  const { body } = rhea.message.decode(bytes)
  return JSON.parse(String(body)) as Value
}
