import type { Random } from '../../runtime/runtime.ts'
import type { Balancer } from '../balancer.ts'
import { remember } from './remember.ts'

/**
 * Whoever has been chosen the longest time ago: each in turn, also while some of them are left out now and then. Who has not been
 * chosen yet comes first, in an order by chance, so that callers that start together do not begin with the same one.
 *
 * @example
 * ```ts
 * import { roundRobin } from 'dure/resilience'
 * import { seededRandom } from 'dure/runtime'
 *
 * const balancer = roundRobin<{ name: string }>({ random: seededRandom(2) })
 * const printers = [{ name: 'a' }, { name: 'b' }, { name: 'c' }]
 * const turn = () => balancer.choose(printers)!.name
 * const [first, second, third, fourth] = [turn(), turn(), turn(), turn()]
 * console.log(new Set([first, second, third]).size, fourth === first) // → 3 true
 * ```
 */
export function roundRobin<T extends object>({ random }: { random: Random }): Balancer<T> {
  let turn = 0
  const turns = remember(() => ({ last: -random.number() }))
  return {
    choose: (among) => {
      const states = turns(among)
      let best = 0
      for (let i = 1; i < states.length; i++) if (states[i]!.last < states[best]!.last) best = i
      const state = states[best]
      if (state !== undefined) state.last = ++turn
      return among[best]
    },
    took: undefined,
  }
}
