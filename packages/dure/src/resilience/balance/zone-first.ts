import { checkNumbers } from '../../runtime/internal.ts'
import type { Random } from '../../runtime/runtime.ts'
import type { Balancer } from '../balancer.ts'
import { fraction, hashOf } from './hash.ts'
import { once } from './remember.ts'

/** Lists of things, and the part of the calls up to and with each. */
type Plan<T> = { readonly lists: readonly (readonly T[])[]; readonly ends: readonly number[] }

/**
 * Those in the caller's own zone, as long as they can carry what the callers there ask for; what is too much goes to the other zones, to each
 * in proportion to what it has to spare (Envoy's zone aware routing). While all callers do so, nobody gets more than `overload`
 * times an even share, because its zone is small, or because many there are down. Calls of one key go to one zone.
 *
 * @param options `balancer`: who chooses within a zone. `zone`: of this caller. `callers`: how many there are, by zone, this one
 * included; asked for once a list. Without it they are taken to be as many in each zone. `overload`: from 1 on, default 1.25.
 * @throws {TypeError} when `overload` cannot be used
 *
 * @example
 * ```ts
 * import { roundRobin, zoneFirst } from 'dure/resilience'
 * import { seededRandom } from 'dure/runtime'
 *
 * const random = seededRandom(1)
 * type Server = { name: string; zone: string }
 * const balancer = zoneFirst<Server>({ balancer: roundRobin({ random }), random, zone: 'a', zoneOf: ({ zone }) => zone })
 * const servers = ['a', 'a', 'b', 'b'].map((zone, i) => ({ name: `${zone}${i}`, zone }))
 * const zones = new Set(Array.from({ length: 50 }, () => balancer.choose(servers)!.zone))
 * console.log(zones, balancer.choose(servers.slice(2))!.zone) // → Set(1) { 'a' } b
 * ```
 */
export function zoneFirst<T extends object>(options: {
  readonly balancer: Balancer<T>
  readonly random: Random
  readonly zone: string
  readonly zoneOf: (thing: T) => string | undefined
  readonly callers?: () => ReadonlyMap<string, number>
  readonly overload?: number
}): Balancer<T> {
  const { balancer, random, zone, zoneOf, callers, overload = 1.25 } = options
  checkNumbers('prefer a zone', { overload }, { overload: OVERLOAD })
  const plan = once((among: readonly T[]): Plan<T> => {
    const zones = new Map<string, T[]>([[zone, []]])
    for (const thing of among) {
      const of = zoneOf(thing) ?? ''
      const list = zones.get(of)
      if (list === undefined) zones.set(of, [thing])
      else list.push(thing)
    }
    const asking = callers?.() ?? new Map([...zones.keys()].map((one) => [one, 1]))
    const all = [...asking.values()].reduce((sum, count) => sum + count, 0)
    const room = (of: string): number => (overload * zones.get(of)!.length) / among.length
    const asked = (of: string): number => (asking.get(of) ?? 0) / all
    const own = zones.get(zone)!.length === 0 ? 0 : Math.min(1, room(zone) / asked(zone))
    if (own === 1) return { lists: [zones.get(zone)!], ends: [1] }
    const others = [...zones.keys()].filter((one) => one !== zone)
    const spare = others.map((one) => Math.max(0, room(one) - asked(one)))
    const sum = spare.reduce((total, one) => total + one, 0)
    // Where nobody has anything to spare, the view is wrong or all is full: then all get their part.
    const parts = sum > 0 ? spare.map((one) => one / sum) : others.map((one) => room(one))
    return planOf([zones.get(zone)!, ...others.map((one) => zones.get(one)!)], own, parts)
  })
  return {
    choose: (among, key, again) => {
      if (among.length < 2) return balancer.choose(among, key, again)
      const { lists, ends } = plan(among)
      if (lists.length === 1) return balancer.choose(lists[0]!, key, again)
      const drawn = key === undefined ? random.number() : fraction(hashOf(`zone ${key}`))
      let i = 0
      while (i < lists.length - 1 && drawn >= ends[i]!) i++
      return balancer.choose(lists[i]!, key, again) ?? balancer.choose(among, key, again)
    },
    took: balancer.took,
  }
}

export const OVERLOAD = { least: 1, most: 1_000 }

function planOf<T>(lists: readonly (readonly T[])[], own: number, parts: readonly number[]): Plan<T> {
  const sum = parts.reduce((total, one) => total + one, 0)
  const shares = [own, ...parts.map((one) => ((1 - own) * one) / sum)]
  const filled = lists.map((list, i) => ({ list, share: shares[i]! })).filter(({ list, share }) => list.length > 0 && share > 0)
  let end = 0
  return { lists: filled.map(({ list }) => list), ends: filled.map(({ share }) => (end += share)) }
}
