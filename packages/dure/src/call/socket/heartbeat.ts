import { type Clock, type Timer, type Timers } from '../../runtime/runtime.ts'
import { completeNumbers, COUNT, WAIT } from '../../runtime/internal.ts'
import type { Connection } from './connection.ts'
import { PING } from './protocol.ts'

/**
 * Finds out whether the other side still lives: a frozen process and a cut cable send no reset. Every beat asks, and
 * a connection that has been silent for some beats in a row is over.
 */
export type Heartbeat = {
  /** Milliseconds between two beats. Default 2,000. */
  readonly every: number
  /** Beats without a word after which the other side counts as gone. Default 2. */
  readonly misses: number
}

/** @throws {TypeError} when a number cannot be used */
export function completeHeartbeat(given: Partial<Heartbeat> = {}): Heartbeat {
  return completeNumbers('watch connections with this heartbeat', { every: 2_000, misses: 2 }, given, {
    every: WAIT,
    misses: COUNT,
  })
}

export function startHeartbeat(options: {
  connection: Connection
  heartbeat: Heartbeat
  clock: Clock
  timers: Timers
  /** Milliseconds that a frame may take to be whole, and that the other side may take nothing of what is sent. */
  wholeFrame: number
  onTrouble: (reason: string) => void
}): { readonly stop: () => void } {
  const { connection, heartbeat, clock, timers, wholeFrame, onTrouble } = options
  let silent = 0
  let last = clock.monotonic()
  let frames = 0
  let frameSince = last
  let taken = 0
  let takenAt = last
  let timer: Timer

  const beat = (): void => {
    const now = clock.monotonic()
    // If this process itself was frozen, what has come meanwhile is not read yet: that beat says nothing.
    const late = now - last > heartbeat.every * 2
    last = now
    if (connection.heard) silent = 0
    else if (!late) silent++
    connection.heard = false
    if (silent > heartbeat.misses) return onTrouble(`the other side has been silent for ${silent * heartbeat.every} ms`)
    const { count, partial } = connection.reader
    if (!partial || count !== frames || late) {
      frames = count
      frameSince = now
    }
    if (connection.waiting === 0 || connection.taken !== taken || late) {
      taken = connection.taken
      takenAt = now
    }
    if (now - frameSince > wholeFrame) return onTrouble(`a frame was not whole after ${wholeFrame} ms`)
    if (now - takenAt > wholeFrame) return onTrouble(`the other side has taken nothing of what was sent for ${wholeFrame} ms`)
    connection.writer.begin(PING, 0)
    connection.writer.end()
    connection.flush()
    timer = timers.after(heartbeat.every, beat)
  }

  timer = timers.after(heartbeat.every, beat)
  return { stop: () => timer.cancel() }
}
