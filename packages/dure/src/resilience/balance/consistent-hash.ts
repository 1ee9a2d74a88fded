import { checkNumbers } from '../../runtime/internal.ts'
import type { Random } from '../../runtime/runtime.ts'
import { leastOfTwo, type Balancer, type Loaded } from '../balancer.ts'
import { fraction, hashOf, hashOfBoth } from './hash.ts'
import { remember } from './remember.ts'

/**
 * Calls of one key go to the same one, in every process that knows the same names, as long as it has room: nobody has more than `load`
 * times the even share of the calls under way (consistent hashing with bounded loads; V. Mirrokni, M. Thorup, M. Zadimoghaddam,
 * 2016), and what is too much goes to the next in the order of its key. The order is by rendezvous (D. Thaler, C. Ravishankar,
 * 1998): when somebody goes, only its keys move. A call without a key goes to the less loaded of two.
 *
 * @param options `name`: by which it is known everywhere. `weight`: its part of the keys, and of the load. `load`: more than 1, default 1.25;
 * Infinity for no bound.
 * @throws {TypeError} when `load` cannot be used
 *
 * @example
 * ```ts
 * import { consistentHash } from 'dure/resilience'
 * import { seededRandom } from 'dure/runtime'
 *
 * type Machine = { name: string; pending: () => number }
 * const balancer = consistentHash<Machine>({ name: ({ name }) => name, random: seededRandom(1) })
 * const machines: Machine[] = ['a', 'b', 'c'].map((name) => ({ name, pending: () => 0 }))
 * const owner = balancer.choose(machines, 'cart 7')!
 * const others = machines.filter((machine) => machine !== owner)
 * console.log(balancer.choose(machines, 'cart 7') === owner, others.includes(balancer.choose(others, 'cart 7')!)) // → true true
 * ```
 */
export function consistentHash<T extends Loaded>(options: {
  readonly name: (thing: T) => string
  readonly random: Random
  readonly weight?: (thing: T) => number
  readonly load?: number
}): Balancer<T> {
  const { name, random, weight = () => 1, load = 1.25 } = options
  checkNumbers('balance by a key', { load }, { load: BOUND })
  const hashes = remember((thing: T) => hashOf(name(thing)))
  return {
    choose: (among, key) => {
      if (key === undefined) return leastOfTwo(among, random)
      const names = hashes(among)
      const hash = hashOf(key)
      let pending = 1
      let weights = 0
      for (const thing of among) {
        pending += thing.pending()
        weights += weight(thing)
      }
      const share = (load * pending) / weights
      let best: T | undefined
      let nearest = Number.POSITIVE_INFINITY
      for (let i = 0; i < names.length; i++) {
        const thing = among[i]!
        const own = weight(thing)
        // Exponential waiting times: the first of several is of each in proportion to its weight.
        const distance = -Math.log(fraction(hashOfBoth(names[i]!, hash))) / own
        if (distance < nearest && thing.pending() < Math.ceil(share * own)) {
          best = thing
          nearest = distance
        }
      }
      return best
    },
    took: undefined,
  }
}

/** At 1 the last call would find one single place. */
export const BOUND = { least: 1.01, most: 1_000, endless: true }
