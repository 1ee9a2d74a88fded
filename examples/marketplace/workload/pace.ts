import { setTimeout as sleep } from 'node:timers/promises'

/** Moments at equal distances, each given to one who asks. */
export type Pace = {
  /** Resolves at the next moment nobody has been given yet, with that moment; at once, with one that is past, when all were busy. */
  readonly next: () => Promise<number>
  /** How many moments have come. */
  readonly due: () => number
  /** Nobody is kept waiting any longer. */
  readonly stop: () => void
}

/**
 * An open loop: what is due does not wait for what is slow. Who begins late because all were busy still counts from when
 * it was due; else a stall would hide the very requests that it held up (coordinated omission).
 * Timers are a millisecond coarse, which is part of every latency.
 */
export function createPace(options: { rate: number; begun: number; now: () => number }): Pace {
  const { rate, begun, now } = options
  const stopping = new AbortController()
  let given = 0
  return {
    next: async () => {
      const due = begun + (given++ * 1000) / rate
      const wait = due - now()
      if (wait > 0) await sleep(wait, undefined, { signal: stopping.signal }).catch(() => {})
      return due
    },
    due: () => Math.floor(((now() - begun) * rate) / 1000) + 1,
    stop: () => stopping.abort(),
  }
}
