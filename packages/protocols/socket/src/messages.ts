/** The messages of a connection: objects of JSON, one a WebSocket message, one a line of TCP, one a datagram. */

/** The subprotocol of WebSocket, and the version of these messages. */
export const PROTOCOL = 'dure.socket.v1'

export type Headers = Readonly<Record<string, string>>

/** What clients say. A `value` that is left out is `undefined`. */
export type ClientMessage =
  /** Begins a session; with `session` comes back to it, having `received` that many messages with an `id`. */
  | {
      readonly type: 'hello'
      readonly headers?: Headers
      readonly session?: string
      readonly received?: number
      /** It says what it has got: streams wait for that, and nothing that is kept for it is let go of before. */
      readonly acks?: boolean
    }
  | {
      readonly type: 'call'
      readonly id: number
      /** `orders.place` */
      readonly call: string
      readonly input?: unknown
      readonly headers?: Headers
      /** Of a stream or channel: bytes that it takes before it says `more`. Left out: as many as come. */
      readonly window?: number
    }
  | { readonly type: 'value'; readonly id: number; readonly value?: unknown }
  | { readonly type: 'end'; readonly id: number }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'more'; readonly id: number; readonly bytes: number }
  | { readonly type: 'ack'; readonly received: number }
  | { readonly type: 'ping' }
  | { readonly type: 'pong' }

/** What a failure says, in any message. */
export type ErrorBody = {
  /** A declared error's own code, a canonical status, or what the door refuses. */
  readonly code: string
  readonly status: string
  readonly message: string
  /** The fields of a declared error. */
  readonly data?: unknown
  readonly issues?: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]
  /** Whether the operation's contract declares it. */
  readonly declared?: true
  readonly correlationId?: string
}

/** What doors say. */
export type ServerMessage =
  | {
      readonly type: 'welcome'
      readonly session: string
      /** Whether this goes on with the session that was asked for. */
      readonly resumed: boolean
      /** Messages with an `id` that the door had from this client: the rest is to be sent again. */
      readonly received: number
      /** Bytes that the caller of a channel may send before the door says `more`. */
      readonly window: number
      /** Why it does not. */
      readonly reason?: string
    }
  /** In a session: so many messages with an `id` have come, and need not be sent again. */
  | { readonly type: 'ack'; readonly received: number }
  | { readonly type: 'answer'; readonly id: number; readonly value?: unknown }
  | { readonly type: 'value'; readonly id: number; readonly value?: unknown }
  | { readonly type: 'end'; readonly id: number }
  | { readonly type: 'error'; readonly id: number; readonly error: ErrorBody }
  | { readonly type: 'more'; readonly id: number; readonly bytes: number }
  | { readonly type: 'ping' }
  | { readonly type: 'pong' }
  /** Nothing new is taken here: what is under way is answered, then the connection ends. */
  | { readonly type: 'bye'; readonly code: string; readonly message: string }

/** What cannot be a message of a client: its connection ends. */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage'
}

type Fields = Readonly<Record<string, unknown>>

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown): value is string => typeof value === 'string'

/** What each type has to have, and what it may. */
const FIELDS: Readonly<Record<ClientMessage['type'], { readonly must?: Checks; readonly may?: Checks }>> = {
  hello: { may: { headers: isHeaders, session: isText, received: isCount, acks: (value) => typeof value === 'boolean' } },
  call: { must: { id: isCount, call: isText }, may: { headers: isHeaders, window: isCount } },
  value: { must: { id: isCount } },
  end: { must: { id: isCount } },
  cancel: { must: { id: isCount } },
  more: { must: { id: isCount, bytes: isCount } },
  ack: { must: { received: isCount } },
  ping: {},
  pong: {},
}

type Checks = Readonly<Record<string, (value: unknown) => boolean>>

/** The same, as it is gone through for each message. */
const CHECKS = new Map(
  Object.entries(FIELDS).map(([type, { must = {}, may = {} }]) => {
    const optional = Object.entries(may).map(
      ([name, is]) => [name, (value: unknown) => value === undefined || is(value)] as const,
    )
    return [type, [...Object.entries(must), ...optional]] as const
  }),
)

function isHeaders(value: unknown): value is Headers {
  return isFields(value) && Object.values(value).every(isText)
}

/** @throws {MalformedMessage} that says what is wrong with it */
export function readMessage(text: string): ClientMessage {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    throw new MalformedMessage('The message is not JSON')
  }
  if (!isFields(message)) throw new MalformedMessage('The message is not an object')
  const { type } = message
  const checks = isText(type) ? CHECKS.get(type) : undefined
  if (checks === undefined)
    throw new MalformedMessage(`The message has the type ${shown(type)}; known are ${Object.keys(FIELDS).join(', ')}`)
  for (const [name, is] of checks)
    if (!is(message[name]))
      throw new MalformedMessage(`The message of type "${type as string}" has ${shown(message[name])} as "${name}"`)
  return message as unknown as ClientMessage
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : isText(value) ? `"${value.slice(0, 40)}"` : `a value of type ${typeof value}`
}

/** An answer, or a value of a stream, as text: what is `undefined` is left out. */
export function valueText(type: 'answer' | 'value', id: number, json: unknown): string {
  return json === undefined ? `{"type":"${type}","id":${id}}` : `{"type":"${type}","id":${id},"value":${JSON.stringify(json)}}`
}
