import type { Runtime, Timer } from '../../runtime/runtime.ts'
import type { Connection } from './connection.ts'
import type { SocketLimits } from './limits.ts'
import { PING } from './protocol.ts'
import { writeWord } from './writing.ts'

/** Looks every `ms` milliseconds; `late`: this process stood still since the last time, if it is not always as slow. */
export function lookEvery(
  ms: number,
  { clock, timers }: Pick<Runtime, 'clock' | 'timers'>,
  look: (now: number, late: boolean) => void,
): { readonly stop: () => void } {
  let last = clock.monotonic()
  let late = false
  let timer: Timer
  const turn = (): void => {
    const now = clock.monotonic()
    late = now - last > ms * 2 && !late
    last = now
    timer = timers.after(ms, turn)
    look(now, late)
  }
  timer = timers.after(ms, turn)
  return { stop: () => timer.cancel() }
}

/**
 * Notices what is wrong with a connection that nobody else would: a side that says nothing, a frame that never ends, bytes
 * that are never taken. After this process stood still what others said meanwhile is still to be read: they are not to blame.
 * @returns what is wrong
 */
export function watchConnection(
  connection: Connection,
  limits: { readonly silence: number; readonly wholeFrame: number },
  start: number,
): (now: number, late: boolean) => string | undefined {
  const { silence, wholeFrame } = limits
  let heardAt = start
  let frameSince = start
  let takenAt = start
  let frames = 0
  let taken = 0
  return (now, late) => {
    const { count, partial } = connection.reader
    // Who has much to take is not read from meanwhile: taking it is a sign of life.
    const takes = connection.pauses && connection.taken !== taken
    if (connection.heard || takes || late) heardAt = now
    else if (connection.waiting === 0) connection.writer.shrink()
    if (!partial || count !== frames || late) frameSince = now
    if (connection.waiting === 0 || connection.taken !== taken || late) takenAt = now
    connection.heard = false
    frames = count
    taken = connection.taken
    if (now - heardAt > silence) return `the other side has been silent for ${Math.round(now - heardAt)} ms`
    if (now - frameSince > wholeFrame) return `a frame was not whole after ${wholeFrame} ms`
    if (now - takenAt > wholeFrame) return `the other side has taken nothing of what was sent for ${wholeFrame} ms`
    return undefined
  }
}

/** The caller's side speaks at every beat, and ends a connection with which something is wrong. */
export function startHeartbeat(
  connection: Connection,
  { heartbeat, wholeFrame }: SocketLimits,
  runtime: Pick<Runtime, 'clock' | 'timers'>,
): { readonly stop: () => void } {
  // Half a beat less than three: timers are not exact.
  const trouble = watchConnection(connection, { silence: heartbeat * 2.5, wholeFrame }, runtime.clock.monotonic())
  return lookEvery(heartbeat, runtime, (now, late) => {
    const reason = trouble(now, late)
    if (reason !== undefined) return connection.close(reason)
    writeWord(connection, 0, PING)
    connection.flush()
  })
}
