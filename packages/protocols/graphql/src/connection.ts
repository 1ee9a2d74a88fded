/** One connection of WebSocket: messages each way, no faster than they are read, and its end. */
import { CloseCode, type WebSocket as Line } from 'graphql-ws'
import { closeReason } from 'dure/door/internal'
import type { WebSocket } from 'ws'
import type { GraphqlState } from './execute.ts'

export type Connection = {
  /** What the library reads and writes. */
  readonly socket: Line
  /** It has said who it is. */
  readonly greeted: () => void
  readonly close: (code: number, reason: string) => void
}

export function connect(
  one: WebSocket,
  {
    state,
    isIdle,
    closed,
  }: {
    readonly state: GraphqlState
    /** Nothing is under way but what only its client ends. */
    readonly isIdle: () => boolean
    readonly closed: (code: number, reason: string) => void
  },
): Connection {
  const { limits, world } = state
  const { timers } = world.runtime
  let unanswered = 0
  let leaving = false
  let take: (text: string) => Promise<void> = async () => {}

  const close = (code: number, reason: string): void => {
    one.close(code, closeReason(reason))
    timers.after(LINGER, () => one.terminate())
  }
  const beat = (): void => {
    if (unanswered++ >= 2) return one.terminate()
    one.ping()
    beating = timers.after(limits.heartbeat, beat)
  }
  let beating = timers.after(limits.heartbeat, beat)
  const greeting = timers.after(limits.hello, () => close(CloseCode.ConnectionInitialisationTimeout, 'It has not said who it is'))
  /** Whoever is told that the server stops connects again, and asks again what it still wants to know: a stream that were ended would be over for it. */
  const leave = (): void => {
    leaving = true
    if (isIdle()) close(1001, 'The server is stopping; connect again')
  }
  state.streams.add(leave)

  one.on('message', (data: Buffer, binary) => {
    unanswered = 0
    if (leaving || one.readyState !== one.OPEN) return
    if (binary) return close(CloseCode.BadRequest, 'Messages are text: JSON')
    take(data.toString())
      .catch((error: unknown) => {
        world.log.debug('A WebSocket was ended for what came on it', { error })
        close(CloseCode.BadRequest, 'The message cannot be taken')
      })
      .finally(() => timers.soon(() => timers.soon(() => void (leaving && leave()))))
    // Whoever asks and does not read is not asked for more.
    if (one.bufferedAmount >= limits.body) one.pause()
  })
  one.on('pong', () => void (unanswered = 0))
  one.on('error', ({ message }) => world.log.debug('A WebSocket was ended for what its client sent', { why: message }))
  one.on('close', (code, reason) => {
    beating.cancel()
    greeting.cancel()
    state.streams.delete(leave)
    closed(code, reason.toString())
  })
  return {
    greeted: () => greeting.cancel(),
    close,
    socket: {
      protocol: one.protocol,
      send: (text) =>
        new Promise((resolve) => {
          one.send(text, () => {
            if (one.isPaused && one.bufferedAmount < limits.body / 2) one.resume()
            resolve()
          })
        }),
      close,
      onMessage: (given) => void (take = given),
    },
  }
}

/** Milliseconds for a client to end its side. */
const LINGER = 2_000
