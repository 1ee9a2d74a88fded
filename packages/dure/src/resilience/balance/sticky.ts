import { checkNumbers, COUNT } from '../../runtime/internal.ts'
import type { Balancer } from '../balancer.ts'

/**
 * Calls of one key stay with the one that had the first of them while it is among those that take calls; then they move, and stay there.
 * Unlike `consistentHash` it moves nothing when somebody comes, or comes back, and other processes do not know of it. Calls
 * without a key are of one key: those of this balancer.
 *
 * @param options `balancer`: who chooses at first, and when they have to move. `most`: keys that are remembered, default 10,000; of
 * more, the one that was asked for the longest time ago is forgotten.
 * @throws {TypeError} when `most` is no such number
 *
 * @example
 * ```ts
 * import { roundRobin, sticky } from 'dure/resilience'
 * import { seededRandom } from 'dure/runtime'
 *
 * const balancer = sticky({ balancer: roundRobin<{ name: string }>({ random: seededRandom(1) }) })
 * const servers = [{ name: 'a' }, { name: 'b' }]
 * const [ana, ben] = [balancer.choose(servers, 'ana'), balancer.choose(servers, 'ben')]
 * console.log(ana === ben, ana === balancer.choose(servers, 'ana')) // → false true
 * ```
 */
export function sticky<T extends object>(options: { readonly balancer: Balancer<T>; readonly most?: number }): Balancer<T> {
  const { balancer, most = 10_000 } = options
  checkNumbers('keep calls where they are', { most }, { most: COUNT })
  const places = new Map<string, T>()
  return {
    choose: (among, key = '', again = false) => {
      const place = places.get(key)
      const stays = place !== undefined && among.includes(place)
      const chosen = stays ? place : balancer.choose(among, key, again)
      // Who was only passed by, because it has had this very call, keeps the others.
      if (chosen === undefined || (again && !stays && place !== undefined)) return chosen
      places.delete(key)
      places.set(key, chosen)
      if (places.size > most) places.delete(places.keys().next().value!)
      return chosen
    },
    took: balancer.took,
  }
}
