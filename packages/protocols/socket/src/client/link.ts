/** One session over WebSockets that come and go: what was sent is sent again, what came is counted. */
import type { ErrorBody, ServerMessage } from '../messages.ts'
import type { Platform, PlatformSocket } from './platform.ts'

export type LinkState = 'connecting' | 'open' | 'waiting' | 'closed'

export type Link = {
  /** Sends a message with an id: now, or when the session is there. */
  readonly send: (text: string) => void
  readonly close: () => void
}

export type LinkOptions = {
  readonly url: string
  /** Asked for at each connection: `{ authorization: 'Bearer …' }`. */
  readonly headers: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  readonly protocol: string
  readonly platform: Platform
}

export type LinkEvents = {
  readonly message: (
    message: Exclude<ServerMessage, { type: 'welcome' | 'ping' | 'pong' | 'bye' | 'ack' }>,
    bytes: number,
  ) => void
  /** The session is new, and knows nothing of what was sent before; `unsent` has never left. What is to be sent on it is sent now. */
  readonly anew: (unsent: ReadonlySet<string>) => void
  /** What the door has room for, of a channel. */
  readonly welcome: (window: number) => void
  /** The door is leaving: told with what ends the connection, once nothing waits for it any more. */
  readonly leaving: (leave: () => void) => void
  readonly state: (state: LinkState) => void
  /** It is over for good. */
  readonly over: (why: Pick<ErrorBody, 'code' | 'message'>) => void
}

const SLOWEST = 5_000
const ACK_AFTER = { bytes: 16 * 1024, ms: 100 }
const SILENCE = 20_000
/** Ends after which coming back helps nobody. */
const FINAL = new Set([1003, 1008, 4400, 4401, 4409])

export function openLink({ url, headers, protocol, platform }: LinkOptions, on: LinkEvents): Link {
  let socket: PlatformSocket | undefined
  let session: string | undefined
  let welcomed = false
  /** Messages that the door may not have; the first of them has the number `confirmed`. */
  let unconfirmed: { readonly text: string; sent: boolean }[] = []
  let confirmed = 0
  let received = 0
  let attempts = 0
  let closed = false
  let leaving = false
  let last: Pick<ErrorBody, 'code' | 'message'> | undefined
  let stopWaiting = NOTHING

  const over = (why: Pick<ErrorBody, 'code' | 'message'>): void => {
    if (closed) return
    closed = true
    stopWaiting()
    acks.stop()
    silence.stop()
    on.state('closed')
    on.over(why)
  }
  const acks = createAcks(platform, () => {
    if (welcomed) socket?.send(`{"type":"ack","received":${received}}`)
  })
  const silence = createSilence(platform, { ask: () => socket?.send('{"type":"ping"}'), end: () => socket?.close() })
  const connect = async (): Promise<void> => {
    on.state('connecting')
    let said: Readonly<Record<string, string>>
    try {
      said = await headers()
    } catch (error) {
      return over({ code: 'UNAUTHENTICATED', message: `Cannot connect: \`headers\` failed: ${(error as Error).message}` })
    }
    if (closed) return
    const mine = platform.connect(url, protocol)
    socket = mine
    welcomed = false
    mine.addEventListener('open', () =>
      mine.send(JSON.stringify({ type: 'hello', headers: said, session, received, acks: true })),
    )
    mine.addEventListener('message', ({ data }: { data: string }) => {
      if (mine === socket) take(JSON.parse(data) as ServerMessage, data.length)
    })
    mine.addEventListener('close', ({ code }) => mine === socket && lost(code))
    // Without a listener some say it on the console; what follows is `close`.
    mine.addEventListener('error', () => {})
  }
  const lost = (code: number): void => {
    socket = undefined
    welcomed = false
    leaving = false
    silence.stop()
    if (closed) return
    if (FINAL.has(code)) return over(last ?? { code: 'UNAVAILABLE', message: `The connection was ended with ${code}` })
    on.state('waiting')
    const most = Math.min(SLOWEST, 100 * 2 ** attempts++)
    // Not all clients of a server that has gone come back at once.
    stopWaiting = platform.after(most / 2 + (platform.random() * most) / 2, () => void connect())
  }
  const take = (message: ServerMessage, bytes: number): void => {
    silence.heard()
    switch (message.type) {
      case 'welcome':
        return welcome(message)
      case 'ping':
        return socket!.send('{"type":"pong"}')
      case 'pong':
        return
      case 'ack':
        return confirm(message.received)
      case 'bye':
        last = message
        if (message.code !== 'UNAVAILABLE') return
        leaving = true
        return on.leaving(() => leaving && socket?.close())
      default:
        received++
        acks.came(bytes)
        on.message(message, bytes)
    }
  }
  const confirm = (count: number): void => {
    unconfirmed.splice(0, Math.max(0, count - confirmed))
    confirmed = Math.max(confirmed, count)
  }
  const welcome = (message: Extract<ServerMessage, { type: 'welcome' }>): void => {
    const before = session
    attempts = 0
    session = message.session
    on.welcome(message.window)
    if (message.resumed) confirm(message.received)
    else {
      received = 0
      confirmed = 0
      // What nobody had yet is of the first session as it is of the next.
      if (before !== undefined) {
        const unsent = new Set(unconfirmed.flatMap(({ text, sent }) => (sent ? [] : [text])))
        unconfirmed = []
        on.anew(unsent)
      }
    }
    welcomed = true
    for (const one of unconfirmed) send(one)
    on.state('open')
  }

  const send = (one: { readonly text: string; sent: boolean }): void => {
    one.sent = true
    socket!.send(one.text)
  }

  void connect()
  return {
    send: (text) => {
      const one = { text, sent: false }
      unconfirmed.push(one)
      // What a door that is leaving is not sent waits for the next one.
      if (welcomed && !leaving) send(one)
    },
    close: () => {
      over({ code: 'CANCELLED', message: 'The connection was closed here' })
      socket?.close(1000)
    },
  }
}

const NOTHING = (): void => {}

/** Says what has come: not for each message, and not late. */
function createAcks(platform: Platform, say: () => void): { readonly came: (bytes: number) => void; readonly stop: () => void } {
  let unsaid = 0
  let cancel: (() => void) | undefined
  const stop = (): void => {
    cancel?.()
    cancel = undefined
    unsaid = 0
  }
  const tell = (): void => {
    stop()
    say()
  }
  return {
    stop,
    came: (bytes) => {
      unsaid += bytes
      if (unsaid >= ACK_AFTER.bytes) tell()
      else cancel ??= platform.after(ACK_AFTER.ms, tell)
    },
  }
}

/** Asks a door that has been silent whether it is there, and ends when it is not. */
function createSilence(
  platform: Platform,
  on: { readonly ask: () => void; readonly end: () => void },
): {
  readonly heard: () => void
  readonly stop: () => void
} {
  let cancel = NOTHING
  const heard = (): void => {
    cancel()
    cancel = platform.after(SILENCE, () => {
      cancel = platform.after(SILENCE, on.end)
      on.ask()
    })
  }
  return { heard, stop: () => cancel() }
}
