/**
 * The world, behind ports: time, timers, chance and identity.
 *
 * Nothing else in Dure touches the globals for these (a lint rule sees to it), so a whole system
 * can run under virtual time from one seed.
 */
import { createIds } from './ids.ts'
import { realClock } from './clock.ts'
import { realRandom } from './random.ts'
import { realTimers } from './timers.ts'
import type { Runtime } from './world.ts'

export type { Runtime } from './world.ts'
export { cautiousTime, steadyTime, type Clock } from './clock.ts'
export { aliveFor, inTime, sleepWith, type Timer, type Timers } from './timers.ts'
export { seededRandom, type Random } from './random.ts'
export { createIds, type Ids } from './ids.ts'
export { createDeadlines, type Deadlines, type DeadlineEntry } from './deadlines.ts'
export { keepAlive } from './alive.ts'
export { makeFolder } from './folder.ts'
export { createFlush, type Flush } from './flush.ts'
export {
  BYTES,
  CENTURY,
  checkNumbers,
  completeNumbers,
  COUNT,
  COUNT_OR_NONE,
  KEEP,
  LONGEST_WAIT,
  SHARE,
  WAIT,
  WAIT_OR_NONE,
  wrongNumber,
  wrongNumbers,
  type Range,
  type Ranges,
} from './numbers.ts'
export { standardError } from './output.ts'
export { virtualRuntime, type VirtualRuntime } from './virtual.ts'

/** The real world: system clock, event-loop timers, cryptographic randomness, UUIDv7. */
export function realRuntime(): Runtime {
  const clock = realClock()
  const random = realRandom()
  return { clock, timers: realTimers(), random, ids: createIds({ clock, random }), fetch: (request) => fetch(request) }
}
