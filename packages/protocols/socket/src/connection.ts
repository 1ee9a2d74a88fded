/** One connection: what its client says becomes calls of its session. */
import type { Principal } from 'dure/contract'
import { failureOf } from 'dure/door/internal'
import { ownHeader, type HeaderOf } from './call.ts'
import { createCalls, type Calls } from './calls.ts'
import { MalformedMessage, readMessage, type ClientMessage, type Headers } from './messages.ts'
import type { Served, SocketState } from './served.ts'
import { createSession, type CloseCode, type Line, type Session } from './session.ts'
import { isSamePrincipal, type KeptSession, type Sessions } from './sessions.ts'

/** What a connection is carried by. */
export type Carrier = Line & {
  /** Stops and goes on with reading what the client sends. */
  readonly pause: () => void
  readonly resume: () => void
  readonly destroy: () => void
  /** Asks whether anybody is there; undefined where the client has to ask for that with `hello`. */
  readonly ping: (() => void) | undefined
}

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

type Peer = { readonly session: Session; readonly calls: Calls; readonly kept: KeptSession | undefined }

export function createConnection({ state, operations, sessions, carrier, header }: ConnectionOptions): Connection {
  const { limits, world, host, door } = state
  const { timers, clock, ids } = world.runtime
  let peer: Peer | undefined
  /** Of the newest `hello`. */
  let headers: Headers | undefined
  /** What comes while it is found out who says hello. */
  let queue: { readonly text: string; readonly bytes: number }[] | undefined
  let queued = 0
  let over = false
  let paused = false
  let closing = false
  let finished = false
  let silent = 0
  let moved = clock.monotonic()
  let greeting = timers.after(limits.hello, () => end(1008, `It has said nothing for ${limits.hello} ms`))

  const headerOf: HeaderOf = (name) => ownHeader(headers)(name) ?? header(name)
  const end = (code: CloseCode, reason: string): void => {
    if (over) return
    carrier.send(JSON.stringify({ type: 'bye', code: CODES[code], message: reason }))
    carrier.end(code, reason)
  }
  const endIfIdle = (): void => {
    if ((!closing && !finished) || (peer !== undefined && peer.calls.count() > 0)) return
    if (closing) end(1001, STOPPING)
    else carrier.end(1001, '')
  }

  /** Once an interval: whether anybody is there, and takes what is sent. */
  const beat = (): void => {
    beating = timers.after(limits.heartbeat, beat)
    const behind = carrier.behind() >= limits.buffer || peer?.session.isFull() === true
    if (!behind) moved = clock.monotonic()
    else if (clock.monotonic() - moved >= limits.stall)
      return end(4413, `Nothing that was sent has been taken for ${limits.stall} ms`)
    const ping = carrier.ping ?? (peer?.kept && (() => carrier.send('{"type":"ping"}')))
    if (ping === undefined || paused) return
    if (++silent > 2) return end(4408, `Nothing has been heard for ${2 * limits.heartbeat} ms`)
    ping()
  }
  let beating = timers.after(limits.heartbeat, beat)

  const begin = (
    id: string,
    how: { readonly kept: boolean; readonly acks: boolean; readonly principal: Principal | undefined },
  ): Peer => {
    const session = createSession({ id, line: carrier, limits, kept: how.kept, acks: how.acks })
    const calls = createCalls({ state, operations, session, header: headerOf, over: () => endIfIdle() })
    const kept = how.kept ? { session, calls, principal: how.principal } : undefined
    if (kept !== undefined) sessions.add(kept)
    return { session, calls, kept }
  }

  const greet = async (hello: Extract<ClientMessage, { type: 'hello' }>): Promise<void> => {
    const before = headers
    headers = hello.headers ?? headers
    const principal = await host.authenticate?.({ door, header: headerOf })
    if (over) return
    if (peer !== undefined) {
      // Said again: credentials that are newer, of the same caller.
      if (peer.kept !== undefined && isSamePrincipal(peer.kept.principal, principal)) return welcome(peer.kept, true)
      headers = before
      return end(4401, 'Who says hello is not who said it before; open another connection')
    }
    const found = hello.session === undefined ? undefined : sessions.find(hello.session)
    const known = found !== undefined && isSamePrincipal(found.principal, principal) ? found : undefined
    const old = known?.session.line()
    const resumed = known?.session.resume(carrier, hello.received ?? 0)
    if (known !== undefined && resumed !== undefined) {
      sessions.back(known)
      peer = { session: known.session, calls: known.calls, kept: known }
      known.calls.follow({ header: headerOf, over: endIfIdle })
      old?.end(4409, 'Its client goes on over another connection')
      welcome(known, true)
      return resumed.replay()
    }
    // What it has missed is not there any more; nothing else of it can be of use.
    if (known !== undefined) sessions.end(known)
    peer = begin(`${ids.next()}-${ids.hex(16)}`, { kept: true, acks: hello.acks === true, principal })
    welcome(peer.kept!, false, hello.session === undefined ? undefined : known === undefined ? UNKNOWN : MISSED)
  }

  const welcome = ({ session }: KeptSession, resumed: boolean, reason?: string): void =>
    carrier.send(JSON.stringify({ type: 'welcome', session: session.id, resumed, received: session.received, reason }))

  const sayHello = (hello: Extract<ClientMessage, { type: 'hello' }>): void => {
    queue = []
    const go = async (): Promise<void> => {
      try {
        await greet(hello)
      } catch (error) {
        const correlationId = ids.next()
        const { failure, hidden } = failureOf(error, { correlationId })
        if (hidden) world.log.error('Cannot find out who says hello', { correlationId, error })
        end(4401, failure.message)
      }
      const waited = queue ?? []
      queue = undefined
      queued = 0
      for (const { text, bytes } of waited) receive(text, bytes)
    }
    void go()
  }

  const take = (message: ClientMessage, bytes: number): void => {
    if (message.type === 'hello') {
      if (peer !== undefined && peer.kept === undefined)
        throw new MalformedMessage('The message of type "hello" has to be the first')
      return sayHello(message)
    }
    if (message.type === 'ping') return carrier.send('{"type":"pong"}')
    if (message.type === 'pong') return
    peer ??= begin('', { kept: false, acks: false, principal: undefined })
    const { session, calls } = peer
    if (message.type === 'ack') {
      moved = clock.monotonic()
      return session.acked(message.received)
    }
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

  const receive = (text: string, bytes: number): void => {
    if (over) return
    silent = 0
    greeting.cancel()
    if (queue !== undefined) {
      queued += bytes
      if (queued > limits.buffer) return end(1008, 'It has sent too much before it was welcomed')
      queue.push({ text, bytes })
      return
    }
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
    heard: () => void (silent = 0),
    drained: () => {
      moved = clock.monotonic()
      peer?.session.moved()
      if (!paused || carrier.behind() >= limits.buffer / 2) return
      paused = false
      silent = 0
      carrier.resume()
    },
    closed: () => {
      if (over) return
      over = true
      greeting.cancel()
      beating.cancel()
      if (peer === undefined || (peer.kept !== undefined && peer.session.line() !== carrier)) return
      if (peer.kept !== undefined && !state.closing) return sessions.wait(peer.kept)
      if (peer.kept !== undefined) return sessions.end(peer.kept)
      peer.session.end()
      peer.calls.stop()
    },
    close: (how) => {
      if (how === 'told') return carrier.send(JSON.stringify({ type: 'bye', code: CODES[1001], message: STOPPING }))
      closing = true
      endIfIdle()
    },
    finish: () => {
      finished = true
      endIfIdle()
    },
  }
}

const STOPPING = 'The server is stopping; connect again'
const UNKNOWN = "The session is not known here: it has ended, or was another server's"
const MISSED = 'What came after that is not there any more'

/** What ends of a connection are called in messages. */
const CODES: Readonly<Record<CloseCode, string>> = {
  1001: 'UNAVAILABLE',
  1003: 'MALFORMED_REQUEST',
  1008: 'REQUEST_TIMEOUT',
  1009: 'BODY_TOO_LARGE',
  1013: 'OVERLOADED',
  4400: 'MALFORMED_REQUEST',
  4401: 'UNAUTHENTICATED',
  4408: 'REQUEST_TIMEOUT',
  4409: 'ABORTED',
  4413: 'RESOURCE_EXHAUSTED',
}
