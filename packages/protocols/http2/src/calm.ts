import type { Clock } from 'dure/runtime'

/**
 * What a client may ask for that costs it next to nothing: `burst` at once and `perSecond` more a second. What it asks for
 * beyond that is a flood (CVE-2019-9511 to 9518, CVE-2023-44487, CVE-2024-27316).
 */
export type Calm = {
  /** @returns false: it was too much */
  readonly spend: () => boolean
  /** An answer that the client has taken pays for what it cancels. */
  readonly earn: () => void
}

export function createCalm(clock: Pick<Clock, 'monotonic'>, burst: number, perSecond: number): Calm {
  let left = burst
  let at = clock.monotonic()
  return {
    spend: () => {
      if (left < 1) {
        const now = clock.monotonic()
        left = Math.min(burst, left + ((now - at) * perSecond) / 1_000)
        at = now
      }
      return --left >= 0
    },
    earn: () => {
      if (left < burst) left++
    },
  }
}
