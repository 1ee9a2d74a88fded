import rhea from 'rhea'
import type { Message } from 'dure/contract'
import { decodeMessage, encodeMessage, readAmqpMessage, type AmqpMessage } from 'dure/messaging/adapter'

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
  const position = found?.id === undefined ? newId() : textOf(found.id)
  const message = decodeMessage('amqp', {
    ...{ topic, partition, position, time: found?.createdAt?.getTime() ?? 0 },
    // JMS has no other place for a key.
    key: found?.groupId,
    headers: (found?.headers ?? []).filter(([name]) => !OWN.test(name)),
    contentType: found?.contentType,
    data: found === undefined ? bytes : found.data,
  })
  return { message, position }
}

/** Not by rhea, which makes as many values as a message claims to have: fifteen bytes kept it busy for minutes. */
function read(bytes: Buffer): AmqpMessage | undefined {
  try {
    return readAmqpMessage(bytes)
  } catch {
    return undefined
  }
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
  return JSON.parse(String(readAmqpMessage(bytes).data)) as Value
}
