import type { Runtime } from './world.ts'
import { createIds } from './ids.ts'
import { seededRandom } from './random.ts'
import { sleepWith, type Timers } from './timers.ts'

/** A world whose time moves only when told to, and whose chance comes from one seed. */
export type VirtualRuntime = Runtime & {
  /** Moves time forward by `ms`, firing due timers in order of (time, making) and letting promises settle in between. */
  readonly advance: (ms: number) => Promise<void>
  /** Sets the wall clock forward, or back; the monotonic one goes on. */
  readonly jump: (ms: number) => void
  /** Moves time to the next timer and fires it; false when no timer is left. */
  readonly step: () => Promise<boolean>
  /** Timers waiting. */
  readonly pending: () => number
}

type Waiting = { at: number; order: number; task: () => void; cancelled: boolean }

/**
 * The virtual world: `start` is the wall clock's first reading in milliseconds since the epoch.
 *
 * @example
 * ```ts
 * import { virtualRuntime } from 'dure/runtime'
 *
 * const { clock, timers, advance } = virtualRuntime({ seed: 1, start: 0 })
 * timers.after(60_000, () => console.log(clock.now())) // → 60000
 * await advance(60_000) // a minute, at once
 * ```
 */
export function virtualRuntime(options: { seed?: number; start?: number } = {}): VirtualRuntime {
  const { seed = 1 } = options
  const random = seededRandom(seed)
  let start = options.start ?? 1_700_000_000_000
  let elapsed = 0
  let order = 0
  let waiting: Waiting[] = []
  const clock = { now: () => Math.floor(start + elapsed), monotonic: () => elapsed }

  const after: Timers['after'] = (ms, task) => {
    const entry: Waiting = { at: elapsed + Math.max(0, ms), order: order++, task, cancelled: false }
    waiting.push(entry)
    return { cancel: () => void (entry.cancelled = true) }
  }
  const timers: Timers = { after, sleep: sleepWith(after), soon: (task) => void after(0, task) }

  const takeNext = (limit: number): Waiting | undefined => {
    waiting = waiting.filter((entry) => !entry.cancelled)
    let best: Waiting | undefined
    for (const entry of waiting) {
      if (entry.at > limit) continue
      if (!best || entry.at < best.at || (entry.at === best.at && entry.order < best.order)) best = entry
    }
    if (best) waiting.splice(waiting.indexOf(best), 1)
    return best
  }

  const fire = async (entry: Waiting): Promise<void> => {
    elapsed = Math.max(elapsed, entry.at)
    entry.task()
    await settle()
  }

  return {
    clock,
    timers,
    random,
    ids: createIds({ clock, random }),
    jump: (ms) => void (start += ms),
    pending: () => waiting.filter((entry) => !entry.cancelled).length,
    step: async () => {
      await settle()
      const entry = takeNext(Number.POSITIVE_INFINITY)
      if (!entry) return false
      await fire(entry)
      return true
    },
    advance: async (ms) => {
      const target = elapsed + ms
      await settle()
      for (let entry = takeNext(target); entry; entry = takeNext(target)) await fire(entry)
      elapsed = target
    },
  }
}

/** Lets every promise that can settle do so: the event loop turns once after microtasks run dry. */
function settle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
