import type { Runtime } from '../../runtime/runtime.ts'
import { completeNumbers, COUNT, WAIT } from '../../runtime/internal.ts'
import type { Connection } from './connection.ts'
import * as wire from './protocol.ts'
import { lookEvery, watchConnection } from './watch.ts'
import { writeWord } from './writing.ts'

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
  runtime: Runtime
  /** Milliseconds that a frame may take to be whole, and that the other side may take nothing of what is sent. */
  wholeFrame: number
  onTrouble: (reason: string) => void
}): { readonly stop: () => void } {
  const { connection, heartbeat, runtime, wholeFrame, onTrouble } = options
  const { every, misses } = heartbeat
  // Half a beat less than a whole one more: timers are not exact.
  const trouble = watchConnection(connection, { silence: every * (misses + 0.5), wholeFrame }, runtime.clock.monotonic())
  return lookEvery(every, runtime, (now, late) => {
    const reason = trouble(now, late)
    if (reason !== undefined) return onTrouble(reason)
    writeWord(connection, 0, wire.PING)
    connection.flush()
  })
}
