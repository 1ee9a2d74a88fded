import { checkNumbers, SHARE, WAIT } from '../../runtime/internal.ts'
import type { Clock, Random } from '../../runtime/runtime.ts'
import type { Balancer } from '../balancer.ts'
import { fraction, hashOf } from './hash.ts'
import { once } from './remember.ts'

/**
 * Whoever is new gets a part of its calls that grows, from `least` to all of them within `window`, so that caches fill and code gets
 * hot before the whole load comes. New is who was not on the first list and appeared on one since; the time is that of this process,
 * for clocks of other machines may be wrong. Calls of one key move to the newcomer once and do not go back.
 *
 * @param options `balancer`: who chooses. `window`: milliseconds, default 30,000. `least`: part of its calls at the beginning, default 0.1.
 * @throws {TypeError} when a number cannot be used
 *
 * @example
 * ```ts
 * import { roundRobin, slowStart } from 'dure/resilience'
 * import { virtualRuntime } from 'dure/runtime'
 *
 * const { clock, random } = virtualRuntime()
 * const balancer = slowStart({ balancer: roundRobin<{ name: string }>({ random }), clock, random, least: 0.1 })
 * const [old, fresh] = [{ name: 'old' }, { name: 'fresh' }]
 * balancer.choose([old])
 * const both = [old, fresh]
 * const calls = Array.from({ length: 200 }, () => balancer.choose(both)!)
 * console.log(calls.filter((one) => one === fresh).length < 40) // → true
 * ```
 */
export function slowStart<T extends object>(options: {
  readonly balancer: Balancer<T>
  readonly clock: Clock
  readonly random: Random
  readonly window?: number
  readonly least?: number
}): Balancer<T> {
  const { balancer, clock, random, window = 30_000, least = 0.1 } = options
  checkNumbers('start slowly', { window, least }, { window: WAIT, least: SHARE })
  const since = new WeakMap<T, number>()
  let begun = false

  /** When the last of a list has had its time, and who has had it when the list was new. */
  const plan = once((among: readonly T[]) => {
    const now = clock.monotonic()
    for (const thing of among) if (!since.has(thing)) since.set(thing, begun ? now : Number.NEGATIVE_INFINITY)
    begun ||= among.length > 0
    const end = Math.max(...among.map((thing) => since.get(thing)! + window))
    return { end, settled: among.filter((thing) => since.get(thing)! + window <= now) }
  })

  return {
    choose: (among, key, again) => {
      if (among.length === 0) return undefined
      const { end, settled } = plan(among)
      const chosen = balancer.choose(among, key, again)
      const now = clock.monotonic()
      if (chosen === undefined || now >= end || settled.length === 0) return chosen
      const age = now - since.get(chosen)!
      if (age >= window) return chosen
      const drawn = key === undefined ? random.number() : fraction(hashOf(`new ${key}`))
      if (drawn < least + ((1 - least) * age) / window) return chosen
      return balancer.choose(settled, key, again) ?? chosen
    },
    took: balancer.took,
  }
}
