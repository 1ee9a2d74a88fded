import type { Clock, Timer, Timers } from '../../runtime/runtime.ts'
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

export function startHeartbeat(options: {
  connection: Connection
  heartbeat: Heartbeat
  clock: Clock
  timers: Timers
  onSilence: (ms: number) => void
}): { readonly stop: () => void } {
  const { connection, heartbeat, clock, timers } = options
  let silent = 0
  let last = clock.monotonic()
  let timer: Timer

  const beat = (): void => {
    const now = clock.monotonic()
    // If this process itself was frozen, what has come meanwhile is not read yet: that beat says nothing.
    const late = now - last > heartbeat.every * 2
    last = now
    if (connection.heard) silent = 0
    else if (!late) silent++
    connection.heard = false
    if (silent > heartbeat.misses) return options.onSilence(silent * heartbeat.every)
    connection.writer.begin(PING, 0)
    connection.writer.end()
    connection.flush()
    timer = timers.after(heartbeat.every, beat)
  }

  timer = timers.after(heartbeat.every, beat)
  return { stop: () => timer.cancel() }
}
