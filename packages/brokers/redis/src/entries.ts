import type { Message } from 'dure/contract'
import { decodeMessage, encodeMessage } from 'dure/messaging/adapter'

/** An entry of a stream, as the server says it. */
export type Entry = readonly [id: Buffer, fields: readonly Buffer[]]

/** The field that holds a message's data; its attributes as a CloudEvent are the others. */
const DATA = 'data'

/** The fields of an entry for a message: names and values in turns. */
export function fieldsOf(message: Message): readonly string[] {
  const { headers, data } = encodeMessage('redis', message)
  return [...headers.flat(), DATA, data]
}

/** Whatever an entry is becomes a message; what cannot be read becomes one that consumers set aside. */
export function messageOf(topic: string, partition: number, [id, fields]: Entry): Message {
  const headers: (readonly [string, Buffer])[] = []
  let data: Buffer | undefined
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]!.toString()
    if (name === DATA) data = fields[at + 1]
    else headers.push([name, fields[at + 1]!])
  }
  const position = id.toString()
  return decodeMessage('redis', { topic, partition, position, time: timeOf(position), headers, data })
}

/** Bytes of an entry, about. */
export function sizeOf([, fields]: Entry): number {
  return fields.reduce((sum, field) => sum + field.length, 0)
}

/** Milliseconds since the epoch when an entry came, by the server's clock. */
export function timeOf(id: string): number {
  return Number(id.slice(0, id.indexOf('-')))
}

/** A name as part of a key: readable where it may be, and without what separates the parts. */
export function keyPart(name: string): string {
  return encodeURIComponent(name)
}
