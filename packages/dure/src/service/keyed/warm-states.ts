import type { Runtime, Timer } from '../../runtime/runtime.ts'
import type { HeldShare } from './held-shares.ts'

/** States of keys that stay in memory between calls: those used last, as many as may, until nobody has used them for a while. */
export type WarmStates = {
  /** What was kept of a key while this share was held; undefined when nothing is. */
  readonly get: (key: string, held: HeldShare) => { readonly value: unknown } | undefined
  readonly put: (key: string, held: HeldShare, value: unknown) => void
  readonly drop: (key: string) => void
  readonly size: () => number
  readonly stop: () => void
}

type Warm = { readonly held: HeldShare; readonly value: unknown; readonly usedAt: number }

export function createWarmStates(options: {
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
  /** Keys, at most. */
  readonly limit: number
  /** Milliseconds. */
  readonly idleAfter: number
}): WarmStates {
  const { limit, idleAfter } = options
  const { clock, timers } = options.runtime
  /** The one that was used last is the last. */
  const states = new Map<string, Warm>()
  let timer: Timer | undefined

  const use = (key: string, warm: Omit<Warm, 'usedAt'>): void => {
    states.delete(key)
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
      states.delete(key)
    }
  }

  return {
    get: (key, held) => {
      const found = states.get(key)
      if (found === undefined) return undefined
      if (found.held !== held) states.delete(key)
      else use(key, found)
      return found.held === held ? found : undefined
    },
    put: (key, held, value) => {
      use(key, { held, value })
      if (states.size > limit) states.delete(states.keys().next().value!)
    },
    drop: (key) => void states.delete(key),
    size: () => states.size,
    stop: () => {
      timer?.cancel()
      states.clear()
    },
  }
}
