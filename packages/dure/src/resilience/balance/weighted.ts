import type { Random } from '../../runtime/runtime.ts'
import type { Balancer } from '../balancer.ts'
import { remember } from './remember.ts'

/**
 * Each in proportion to its weight, and spread as evenly as can be: with weights 5, 1, 1 it is a a b a c a a and not a a a a a b c
 * (nginx' smooth weighted round robin). A weight is asked for at each choice and may change at any time; who has 0 is not
 * chosen, and where all have 0, nobody is.
 *
 * @param options `weight`: any number from 0 on. `random`: callers that start together begin at different places; without it the order
 * is nginx' own.
 *
 * @example
 * ```ts
 * import { weightedRoundRobin } from 'dure/resilience'
 *
 * const balancer = weightedRoundRobin<{ name: string; weight: number }>({ weight: ({ weight }) => weight })
 * const machines = [{ name: 'a', weight: 5 }, { name: 'b', weight: 1 }, { name: 'c', weight: 1 }]
 * console.log(Array.from({ length: 7 }, () => balancer.choose(machines)!.name).join(' ')) // → a a b a c a a
 * ```
 */
export function weightedRoundRobin<T extends object>(options: {
  readonly weight: (thing: T) => number
  readonly random?: Random
}): Balancer<T> {
  const { weight, random } = options
  const states = remember((thing: T) => ({ credit: random === undefined ? 0 : random.number() * positive(weight(thing)) }))
  return {
    choose: (among) => {
      const credits = states(among)
      let total = 0
      let best = -1
      for (let i = 0; i < credits.length; i++) {
        const own = positive(weight(among[i]!))
        if (own === 0) continue
        total += own
        credits[i]!.credit += own
        if (best === -1 || credits[i]!.credit > credits[best]!.credit) best = i
      }
      if (best === -1) return undefined
      credits[best]!.credit -= total
      return among[best]
    },
    took: undefined,
  }
}

/** A weight that is no number is none. */
function positive(weight: number): number {
  return weight > 0 && weight < Number.POSITIVE_INFINITY ? weight : 0
}
