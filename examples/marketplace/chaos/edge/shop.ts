import { postgres } from '@dure/postgres'
import type { CallPolicies } from 'dure/call'
import { sqlite } from 'dure/data'
import type { System } from 'dure/service'
import { POLICIES } from '../../policies.ts'
import { marketplace, type MarketplaceOptions } from '../../system.ts'
import { worked, type Work } from './work.ts'

/** The service of which there are two copies. */
export const SERVICE = 'cart'

const nobody = (): never => {
  throw new Error('Nobody pays here')
}
const provider: MarketplaceOptions['provider'] = { charge: nobody, forget: nobody }

/** What callers are told to keep: as many calls at once as go well, and room among them for those who buy. */
export const GUARDED: CallPolicies = {
  ...POLICIES,
  [SERVICE]: { limit: { limit: 'gradient', shares: { normal: 0.7, low: 0.4 } } },
}
/** Nothing is kept. */
export const UNGUARDED: CallPolicies = { '*': { limit: false, breaker: false } }

/** The marketplace as each process of the run has it: carts in a PostgreSQL, so that two copies can share them. */
export function edgeMarketplace(options: {
  readonly database: string
  readonly policies?: CallPolicies
  readonly work?: Work
}): System {
  const { database, policies = GUARDED, work } = options
  const stores = { [SERVICE]: postgres({ url: database, writers: 4, readers: 4 }) }
  const whole = marketplace({ provider, policies, stores, database: sqlite({ durability: 'process' }) })
  if (work === undefined) return whole
  return { ...whole, services: whole.services.map((one) => (one.contract.name === SERVICE ? worked(one, work) : one)) }
}
