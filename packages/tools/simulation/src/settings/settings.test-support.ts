/** Prices with two settings that belong together, which somebody changes while they are asked for. */
import assert from 'node:assert/strict'
import { liveValues } from 'dure/config'
import { CallError, contract, query } from 'dure/contract'
import type { Runtime } from 'dure/runtime'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'
import { sometimes, type Simulation } from '../simulation.ts'

const Pair = z.object({ net: z.int(), gross: z.int() })
const Prices = contract('prices', {
  version: '1.0.0',
  owner: 'tests',
  operations: { of: query({ output: z.array(Pair), deadline: 2_000 }) },
})
const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: { price: query({ output: z.array(Pair), deadline: 3_000 }) },
})

/** `read again`: a handler that takes what is now instead of what its call began with. */
export type Slip = 'read again'

const WHOLE = 'a change is seen whole or not at all'
const ARRIVED = 'the last change has arrived everywhere'

export function pricing(slip?: Slip): Simulation {
  const of = (n: number) => ({ 'prices.net': n, 'prices.gross': n * 2 })
  const settings = liveValues(of(1))
  let [last, now] = [1, Pair.parse({ net: 1, gross: 2 })]
  const seen: (readonly z.output<typeof Pair>[])[] = []
  const make = ({ timers, random }: Runtime): System => {
    const prices = service(Prices, {
      config: Pair,
      handlers: {
        of: async (_, { config }) => {
          const before = { net: slip === undefined ? config.net : now.net, gross: 0 }
          await timers.sleep(random.number() * 400)
          before.gross = slip === undefined ? config.gross : now.gross
          return [before, config]
        },
      },
    })
    const shop = service(Shop, { needs: { prices: Prices }, handlers: { price: (_, { prices }) => prices.of() } })
    return system('shop', { services: [prices, shop], config: [settings] })
  }
  return {
    system: ({ runtime }) => make(runtime),
    load: {
      duration: 20_000,
      clients: 3,
      pause: 100,
      step: async ({ client, random }) => {
        if (random.number() < 0.3) {
          // One that does not fit is seen by nobody.
          if (random.number() < 0.2) settings.set({ ...of(last + 1_000), 'prices.gross': 'much' })
          last++
          now = { net: last, gross: last * 2 }
          settings.set(of(last))
        }
        try {
          seen.push(await client(Shop).price(undefined, { timeout: 2_500 }))
        } catch (error) {
          if (!(error instanceof CallError)) throw error
          sometimes('a call failed')
        }
      },
    },
    invariants: {
      [WHOLE]: () => {
        assert.ok(seen.length > 10, `${seen.length} answers`)
        for (const pairs of seen)
          for (const { net, gross } of pairs) {
            assert.equal(gross, net * 2)
            if (net > 1) sometimes('a change was seen')
          }
      },
      [ARRIVED]: async ({ client }) => {
        const pairs = await client(Shop).price()
        if (slip === undefined) assert.deepEqual(pairs, Array(2).fill({ net: last, gross: last * 2 }))
      },
    },
    expects: ['a change was seen'],
  }
}
