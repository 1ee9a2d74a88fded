import { checkNumbers, WAIT } from '../../runtime/internal.ts'
import type { Clock, Random } from '../../runtime/runtime.ts'
import { drawAnother, type Balancer, type Loaded } from '../balancer.ts'

/** What calls under way cost at somebody who has never answered: more than any who has. */
const PENALTY = 1e12

/**
 * Of two chosen by chance the one where a call is likely to be answered sooner: its latency times the calls in its hands. The latency is a
 * moving average that a slow answer raises at once and that `decay` takes down again (Finagle's peak EWMA). Who has never
 * answered gets one call, and no second one before the answer.
 *
 * @param options `decay`: milliseconds after which an old latency has fallen to a third. Default 10,000.
 * @throws {TypeError} when `decay` is no time
 *
 * @example
 * ```ts
 * import { peakEwma } from 'dure/resilience'
 * import { virtualRuntime } from 'dure/runtime'
 *
 * const { clock, random } = virtualRuntime()
 * const balancer = peakEwma<{ name: string; pending: () => number }>({ clock, random })
 * const [fast, slow] = [{ name: 'fast', pending: () => 2 }, { name: 'slow', pending: () => 0 }]
 * balancer.took(fast, 5)
 * balancer.took(slow, 80)
 * console.log(balancer.choose([fast, slow])?.name) // → fast
 * ```
 */
export function peakEwma<T extends Loaded>(options: {
  readonly clock: Clock
  readonly random: Random
  readonly decay?: number
}): Balancer<T> & { readonly took: (by: T, milliseconds: number) => void } {
  const { clock, random, decay = 10_000 } = options
  checkNumbers('balance by latency', { decay }, { decay: WAIT })
  const latencies = new WeakMap<T, { latency: number; at: number }>()

  const cost = (thing: T, now: number): number => {
    const pending = thing.pending()
    const known = latencies.get(thing)
    if (known === undefined) return pending === 0 ? 0 : PENALTY + pending
    return known.latency * Math.exp((known.at - now) / decay) * (pending + 1)
  }

  return {
    choose: (among) => {
      const count = among.length
      if (count < 2) return among[0]
      const first = random.integer(count)
      const one = among[first]!
      const other = among[drawAnother(first, count, random)]!
      const now = clock.monotonic()
      return cost(other, now) < cost(one, now) ? other : one
    },
    took: (by, milliseconds) => {
      const now = clock.monotonic()
      const known = latencies.get(by)
      if (known === undefined) return void latencies.set(by, { latency: milliseconds, at: now })
      const rest = Math.exp((known.at - now) / decay)
      known.latency = milliseconds > known.latency * rest ? milliseconds : known.latency * rest + milliseconds * (1 - rest)
      known.at = now
    },
  }
}
