import type { Msg, MsgHdrs } from '@nats-io/nats-core'
import { CallError, type Message } from 'dure/contract'
import { decodeMessage, encodeMessage } from 'dure/messaging/adapter'

/** A message as it goes to the server. */
export type Outgoing = {
  readonly message: Message
  readonly subject: string
  readonly data: Uint8Array
  /** The lines of its headers. */
  readonly lines: string
}

/** What the server counts a message's headers in has room for so many bytes. */
const MOST_HEADERS = 60_000

export function outgoing(message: Message, subject: string): Outgoing {
  const { headers, data: text } = encodeMessage('nats', message)
  let lines = 'NATS/1.0\r\n'
  for (const [name, value] of headers) lines += `${name}: ${value}\r\n`
  if (lines.length > MOST_HEADERS)
    throw new CallError(
      'INVALID_ARGUMENT',
      `Cannot publish message "${message.id}" of "${message.type}": written for NATS its headers have ${lines.length} bytes, and ${MOST_HEADERS} are allowed; put what is large into the data`,
      { details: { id: message.id } },
    )
  return { message, subject, data: Buffer.from(text), lines }
}

/** The headers as the client writes them, with some of the server's own. */
export function withHeaders({ lines }: Outgoing, more = ''): { readonly encode: () => Uint8Array } {
  return { encode: () => Buffer.from(`${lines}${more}\r\n`, 'latin1') }
}

/** Where a message that the server brought stands: in the stream, and among what its consumer was brought. */
export type Place = { readonly sequence: number; readonly turn: number; readonly time: number; readonly tries: number }

/** `$JS.ACK.stream.consumer.tries.sequence.turn.time.pending`, with the domain and the account before the stream on newer ones. */
export function placeOf(reply: string | undefined): Place | undefined {
  const tokens = reply?.split('.') ?? []
  if (tokens[1] !== 'ACK' || tokens.length < 9) return undefined
  const [tries, sequence, turn, time] = tokens.slice(tokens.length >= 11 ? 6 : 4).map(Number)
  return { tries: tries!, sequence: sequence!, turn: turn!, time: Math.floor(time! / 1e6) }
}

export function incoming(
  found: Pick<Msg, 'data'> & { readonly headers?: MsgHdrs | undefined },
  place: { readonly topic: string; readonly partition: number; readonly sequence: number; readonly time: number },
): Message {
  const headers: (readonly [string, string])[] = []
  // What begins so is the server's own.
  for (const [name, values] of found.headers ?? []) if (!/^nats-/i.test(name)) headers.push([name, values.at(-1)!])
  const { topic, partition, sequence, time } = place
  return decodeMessage('nats', { topic, partition, position: String(sequence), time, headers, data: found.data })
}
