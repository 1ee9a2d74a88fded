/** One connection: what its client says becomes calls of its session. */
import type { Principal } from 'dure/contract'
import { failureOf } from 'dure/door/internal'
import { ownHeader, type HeaderOf } from './call.ts'
import type { Carrier } from './carrier.ts'
import { byeText, type CloseCode } from './closing.ts'
import { createCalls, type Calls } from './calls.ts'
import { MalformedMessage, readMessage, type ClientMessage, type Headers } from './messages.ts'
import type { Served, SocketState } from './served.ts'
import { createSession, type Session } from './session.ts'
import { greet, welcomeText, type Hello } from './hello.ts'
import { isSamePrincipal, type ResumableSession, type Sessions } from './sessions.ts'
import { watchConnection } from './watch.ts'

export type Connection = {
  readonly receive: (text: string, bytes: number) => void
  /** Something came, whatever it was. */
  readonly heard: () => void
  /** Its reader has taken some of what it was behind. */
  readonly drained: () => void
  readonly closed: () => void
  /** The door is closing: says so, and ends when nothing is in hand (`now`), or when the client ends it. */
  readonly close: (how: 'told' | 'now') => void
  /** The client has said all that it has to say: ends when nothing is in hand. */
  readonly finish: () => void
}

export type ConnectionOptions = {
  readonly state: SocketState
  readonly operations: ReadonlyMap<string, Served>
  readonly sessions: Sessions
  readonly carrier: Carrier
  /** What was said when it was opened. */
  readonly header: HeaderOf
}

/** Whose messages these are; one that is not `resumable` ends with the connection. */
type Peer = { readonly session: Session; readonly calls: Calls; readonly resumable: ResumableSession | undefined }

export function createConnection(options: ConnectionOptions): Connection {
  const { state, sessions, carrier } = options
  const { limits } = state
  let peer: Peer | undefined
  /** Of the newest `hello`. */
  let headers: Headers | undefined
  /** What comes while it is found out who says hello. */
  let queue: Queue | undefined
  let over = false
  let paused = false
  let leaving: 'closing' | 'finished' | undefined

  const header: HeaderOf = (name) => ownHeader(headers)(name) ?? options.header(name)
  const end = (code: CloseCode, reason: string): void => {
    if (over) return
    carrier.send(byeText(code, reason))
    carrier.end(code, reason)
    // What is under way does not wait for a client that may never end its side.
    closed()
  }
  const closed = (): void => {
    if (over) return
    over = true
    watch.stop()
    leave(options, peer)
  }
  const callOver = (): void => {
    if (leaving === undefined || (peer !== undefined && peer.calls.count() > 0)) return
    if (leaving === 'closing') end(1001, STOPPING)
    else carrier.end(1001, '')
  }
  const watch = watchConnection(state, {
    end,
    isBehind: () => carrier.behind() >= limits.buffer || peer?.session.isFull() === true,
    ask: () => {
      // Who has said everything may have gone: what is sent to nobody comes back.
      const asked = peer?.resumable !== undefined || leaving === 'finished'
      if (paused || (carrier.ping === undefined && !asked)) return false
      if (carrier.ping === undefined) carrier.send('{"type":"ping"}')
      else carrier.ping()
      return leaving !== 'finished'
    },
  })

  const sayHello = async (hello: Hello): Promise<void> => {
    const before = headers
    headers = hello.headers ?? headers
    const principal = await state.host.authenticate?.({ door: state.door, header })
    if (over) return
    if (peer === undefined) {
      const begin = (): ResumableSession =>
        beginPeer(options, { header, callOver }, { principal, acks: hello.acks === true }).resumable!
      const { resumable, welcomed } = greet(hello, { principal, sessions, carrier, window: limits.window, begin })
      resumable.calls.follow({ header, over: callOver })
      peer = { ...resumable, resumable }
      return welcomed()
    }
    // Said again: credentials that are newer, of the same caller.
    if (isSamePrincipal(peer.resumable?.principal, principal))
      return carrier.send(welcomeText(peer.resumable!, { resumed: true, window: limits.window }))
    headers = before
    end(4401, 'Who says hello is not who said it before; open another connection')
  }

  const take = (message: ClientMessage, bytes: number): void => {
    if (message.type === 'ping') return carrier.send('{"type":"pong"}')
    if (message.type === 'pong') return
    if (message.type === 'hello') {
      if (peer !== undefined && peer.resumable === undefined)
        throw new MalformedMessage('The message of type "hello" has to be the first')
      queue = createQueue(limits.buffer)
      return void sayHello(message)
        .catch((error: unknown) => end(4401, messageOf(state, error)))
        .then(goOn)
    }
    peer ??= beginPeer(options, { header, callOver }, undefined)
    if (message.type === 'ack') {
      watch.moved()
      return peer.session.acked(message.received)
    }
    pass(peer, message, bytes)
    acknowledge(peer, carrier)
  }
  const goOn = (): void => {
    const waited = queue
    queue = undefined
    for (const { text, bytes } of waited?.messages ?? []) receive(text, bytes)
  }

  const receive = (text: string, bytes: number): void => {
    if (over) return
    watch.heard()
    watch.greeted()
    if (queue !== undefined) return queue.add(text, bytes) ? undefined : end(1008, 'It has sent too much before it was welcomed')
    try {
      take(readMessage(text), bytes)
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error
      return end(4400, error.message)
    }
    // Whoever asks and does not read the answers is not asked for more.
    if (!paused && carrier.behind() >= limits.buffer) {
      paused = true
      carrier.pause()
    }
  }

  return {
    receive,
    heard: watch.heard,
    drained: () => {
      watch.moved()
      peer?.session.moved()
      if (!paused || carrier.behind() >= limits.buffer / 2) return
      paused = false
      watch.heard()
      carrier.resume()
    },
    closed,
    close: (how) => {
      if (how === 'told') return carrier.send(byeText(1001, STOPPING))
      leaving = 'closing'
      callOver()
    },
    finish: () => {
      leaving ??= 'finished'
      peer?.calls.endIncoming()
      callOver()
    },
  }
}

type Queue = {
  readonly messages: readonly { readonly text: string; readonly bytes: number }[]
  /** False when there is no room for it. */
  readonly add: (text: string, bytes: number) => boolean
}

/** Messages of at most so many bytes together. */
function createQueue(most: number): Queue {
  const messages: { readonly text: string; readonly bytes: number }[] = []
  let size = 0
  return {
    messages,
    add: (text, bytes) => {
      size += bytes
      if (size > most) return false
      messages.push({ text, bytes })
      return true
    },
  }
}

/** @param resumable undefined: its session ends with the connection */
function beginPeer(
  { state, operations, sessions, carrier }: ConnectionOptions,
  { header, callOver }: { readonly header: HeaderOf; readonly callOver: () => void },
  resumable: { readonly principal: Principal | undefined; readonly acks: boolean } | undefined,
): Peer {
  const { ids } = state.world.runtime
  const id = resumable === undefined ? '' : `${ids.next()}-${ids.hex(16)}`
  const session = createSession({
    id,
    line: carrier,
    limits: state.limits,
    resumable: resumable !== undefined,
    acks: resumable?.acks === true,
  })
  const calls = createCalls({ state, operations, session, header, over: callOver })
  if (resumable === undefined) return { session, calls, resumable }
  const one = { session, calls, principal: resumable.principal }
  sessions.add(one)
  return { session, calls, resumable: one }
}

type CallPart = Exclude<ClientMessage, { type: 'hello' | 'ack' | 'ping' | 'pong' }>

/** @throws {MalformedMessage} for a call whose id is another's */
function pass({ session, calls }: Peer, message: CallPart, bytes: number): void {
  session.received++
  switch (message.type) {
    case 'call':
      if (calls.has(message.id)) throw new MalformedMessage(`The call has the id ${message.id} of another that is in hand`)
      return calls.begin(message)
    case 'value':
      return calls.value(message.id, message.value, bytes)
    case 'end':
      return calls.end(message.id)
    case 'cancel':
      return calls.cancel(message.id)
    case 'more':
      return calls.more(message.id, message.bytes)
  }
}

/** The connection is gone: its session waits for the client, or ends. */
function leave({ state, sessions, carrier }: ConnectionOptions, peer: Peer | undefined): void {
  if (peer === undefined) return
  if (peer.resumable === undefined) {
    peer.session.end()
    peer.calls.stop()
  } else if (peer.session.line() === carrier) {
    if (state.closing) sessions.end(peer.resumable)
    else sessions.wait(peer.resumable)
  }
}

function messageOf({ world }: SocketState, error: unknown): string {
  const correlationId = world.runtime.ids.next()
  const { failure, hidden } = failureOf(error, { correlationId })
  if (hidden) world.log.error('Cannot find out who says hello', { correlationId, error })
  return failure.message
}

function acknowledge({ session, resumable }: Peer, carrier: Carrier): void {
  const { received } = session
  if (resumable !== undefined && received % ACK_EVERY === 0) carrier.send(`{"type":"ack","received":${received}}`)
}

/** Messages that a client keeps, to send them again, before it is told that they have come. */
const ACK_EVERY = 32

const STOPPING = 'The server is stopping; connect again'
