import { checkNumbers, COUNT } from '../../runtime/internal.ts'
import { hashOf, hashOfBoth } from './hash.ts'

/**
 * The few of many that one caller keeps connections to: those that come first in an order of its own (rendezvous, as gRPC's random
 * subsetting). Each of N gets about the same number of callers without anybody counting them, and when one of N comes or goes a
 * caller changes at most one connection. Of each zone it takes its part, and one at least.
 *
 * @param options `size`: how many, in all zones together, give or take one a zone. `caller`: a name of its own for each caller. `name`: of one of
 * the many, the same for all callers.
 * @throws {TypeError} when `size` is no such number
 *
 * @example
 * ```ts
 * import { subsetOf } from 'dure/resilience'
 *
 * const servers = Array.from({ length: 100 }, (_, i) => ({ name: `server ${i}` }))
 * const few = subsetOf(servers, { size: 10, caller: 'shop 7', name: ({ name }) => name })
 * const later = subsetOf(servers.filter((server) => server !== few[0]), { size: 10, caller: 'shop 7', name: ({ name }) => name })
 * console.log(few.length, later.filter((server) => few.includes(server)).length) // → 10 9
 * ```
 */
export function subsetOf<T>(
  among: readonly T[],
  options: {
    readonly size: number
    readonly caller: string
    readonly name: (thing: T) => string
    readonly zone?: (thing: T) => string | undefined
  },
): readonly T[] {
  const { size, caller, name, zone = () => '' } = options
  checkNumbers('choose a subset', { size }, { size: COUNT })
  if (among.length <= size) return among
  const own = hashOf(caller)
  const ranked = among.map((thing) => ({ thing, name: name(thing), zone: zone(thing) ?? '' }))
  const ranks = ranked
    .map((one) => ({ ...one, rank: hashOfBoth(hashOf(one.name), own) }))
    .toSorted((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1))
  const places = new Map<string, number>()
  for (const one of ranks) places.set(one.zone, (places.get(one.zone) ?? 0) + size / among.length)
  return ranks
    .filter((one) => {
      const left = places.get(one.zone)!
      places.set(one.zone, left - 1)
      return left > 1e-9
    })
    .map(({ thing }) => thing)
}
