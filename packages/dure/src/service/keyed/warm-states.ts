import type { Runtime, Timer } from '../../runtime/runtime.ts'
import type { HeldShare } from './held-shares.ts'

/** States of keys that stay in memory between calls: those used last, as many and as large as may, until nobody has used them for a while. */
export type WarmStates = {
  /** What was kept of a key while this share was held; undefined when nothing is. */
  readonly get: (key: string, held: HeldShare) => { readonly value: unknown } | undefined
  readonly put: (key: string, held: HeldShare, value: unknown) => void
  readonly drop: (key: string) => void
  /** How many there are, and about how many bytes they take. */
  readonly size: () => { readonly states: number; readonly bytes: number }
  readonly stop: () => void
}

type Warm = { readonly held: HeldShare; readonly value: unknown; readonly size: number; readonly usedAt: number }

export function createWarmStates(options: {
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
  /** Keys, at most. */
  readonly limit: number
  /** Of all of them, at most. */
  readonly bytes: number
  readonly sizeOf: (state: never) => number
  /** Milliseconds. */
  readonly idleAfter: number
}): WarmStates {
  const { limit, bytes, sizeOf, idleAfter } = options
  const { clock, timers } = options.runtime
  /** The one that was used last is the last. */
  const states = new Map<string, Warm>()
  let total = 0
  let timer: Timer | undefined

  const drop = (key: string): void => {
    total -= states.get(key)?.size ?? 0
    states.delete(key)
  }

  const use = (key: string, warm: Omit<Warm, 'usedAt'>): void => {
    drop(key)
    total += warm.size
    states.set(key, { ...warm, usedAt: clock.monotonic() })
    timer ??= timers.after(idleAfter, sweep)
  }

  const sweep = (): void => {
    timer = undefined
    const now = clock.monotonic()
    for (const [key, { usedAt, held }] of states) {
      if (usedAt + idleAfter > now && held.state !== 'over') {
        timer = timers.after(usedAt + idleAfter - now, sweep)
        return
      }
      drop(key)
    }
  }

  return {
    get: (key, held) => {
      const found = states.get(key)
      if (found === undefined) return undefined
      if (found.held !== held) drop(key)
      else use(key, found)
      return found.held === held ? found : undefined
    },
    put: (key, held, value) => {
      drop(key)
      const size = sizeOfState(sizeOf, value)
      // One that would drive out all others and itself; also one whose size nobody knows.
      if (!(size <= bytes)) return
      use(key, { held, value, size })
      while (states.size > limit || total > bytes) drop(states.keys().next().value!)
    },
    drop,
    size: () => ({ states: states.size, bytes: total }),
    stop: () => {
      timer?.cancel()
      states.clear()
      total = 0
    },
  }
}

/** Not a number where it cannot be told: what is in memory must not stay what it was because of that. */
function sizeOfState(sizeOf: (state: never) => number, value: unknown): number {
  try {
    return Math.max(0, sizeOf(value as never))
  } catch {
    return Number.NaN
  }
}
