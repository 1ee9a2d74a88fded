/** The marketplace with those who look at its screens: `dure sim examples/marketplace/simulation/frontends.ts`. */
import assert from 'node:assert/strict'
import type { OperationOutput } from 'dure/contract'
import { sometimes, type Simulation } from '@dure/simulation'
import { frontends } from '../frontends.ts'
import { Customer } from '../services/customer/contract.ts'
import { Mobile } from '../services/mobile/contract.ts'
import { Web } from '../services/web/contract.ts'
import { marketplace } from '../system.ts'
import { marketplaceSimulation } from './simulation.ts'

type Screen = OperationOutput<(typeof Mobile)['operations']['home']> | OperationOutput<(typeof Web)['operations']['account']>

const MARKED = 'screens say what is missing of them'

const PARTS = {
  home: ['customer', 'cart', 'orders', 'deliveries'],
  account: ['cart', 'orders', 'packages'],
} as const

/** Before each of their steps users look at a screen; whatever befalls the services, it shows all of its parts or says which not. */
export function simulation(): Simulation {
  const inner = marketplaceSimulation((options) => marketplace({ ...options, frontends }))
  const seen: { readonly name: keyof typeof PARTS; readonly screen: Screen }[] = []
  let ids: readonly number[] = []
  return {
    ...inner,
    load: {
      ...inner.load,
      setup: async (world) => {
        await inner.load.setup!(world)
        ids = (await world.client(Customer).list({})).items.map(({ customerId }) => customerId)
      },
      step: async (world) => {
        const { client, user, number } = world
        const customerId = ids[(user + number) % ids.length]!
        const name = number % 2 === 0 ? 'home' : 'account'
        const asked = name === 'home' ? client(Mobile).home({ customerId }) : client(Web).account({ customerId })
        // One that does not come is no screen, and says nothing wrong.
        const screen = await asked.catch(() => undefined)
        if (screen !== undefined) {
          seen.push({ name, screen })
          if (screen.whole) sometimes(`a screen was whole: ${name}`)
          else for (const { part } of screen.missing) sometimes(`a screen was without ${part}`)
        }
        await inner.load.step(world)
      },
    },
    expects: [...inner.expects!, 'a screen was whole: home', 'a screen was whole: account', 'a screen was without deliveries'],
    invariants: {
      ...inner.invariants,
      [MARKED]: () => {
        for (const { name, screen } of seen) {
          const missing = new Set<string>(screen.whole ? [] : screen.missing.map(({ part }) => part))
          assert.equal(screen.whole, missing.size === 0)
          for (const part of PARTS[name]) assert.equal(part in screen, !missing.has(part), `${name}: ${part}`)
          const { orders, packages, deliveries } = screen as unknown as Partial<Record<string, readonly unknown[]>>
          if (!missing.has('orders') && !missing.has('packages') && !missing.has('deliveries'))
            assert.equal((packages ?? deliveries)!.length, orders!.length, 'for each order')
        }
      },
    },
  }
}
