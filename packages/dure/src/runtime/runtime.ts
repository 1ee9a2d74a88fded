/**
 * The world, behind ports: time, timers, chance and identity.
 *
 * Nothing else in Dure touches the globals for these (a lint rule sees to it), so a whole system
 * can run under virtual time from one seed.
 */
import { heldFetch } from './network.ts'
import { createIds } from './ids.ts'
import { realClock } from './clock.ts'
import { diagnose } from './diagnose.ts'
import { watchProcess } from './process-watch.ts'
import { realRandom } from './random.ts'
import { realTimers } from './timers.ts'
import type { Runtime } from './world.ts'

export type { Runtime } from './world.ts'
export { type Clock } from './clock.ts'
export { type Timer, type Timers } from './timers.ts'
export { seededRandom, type Random } from './random.ts'
export { type Ids } from './ids.ts'
export { createDeadlines, type Deadlines, type DeadlineEntry } from './deadlines.ts'
export type { ProfileKind } from './diagnose.ts'
export type { StackFrame, Stall } from './stall-thread.ts'
export { keepAlive } from './alive.ts'
export { makeFolder } from './folder.ts'
export { virtualRuntime, type VirtualRuntime } from './virtual.ts'

/**
 * The real world: system clock, event-loop timers, cryptographic randomness, UUIDv7.
 *
 * @example
 * ```ts
 * import { realRuntime } from 'dure/runtime'
 *
 * const { clock, ids } = realRuntime()
 * console.log(clock.now() > 1_700_000_000_000, ids.next() < ids.next()) // → true true
 * ```
 */
export function realRuntime(): Runtime {
  const clock = realClock()
  const random = realRandom()
  return {
    clock,
    timers: realTimers(),
    random,
    ids: createIds({ clock, random }),
    fetch: heldFetch(),
    process: watchProcess,
    diagnose,
  }
}
