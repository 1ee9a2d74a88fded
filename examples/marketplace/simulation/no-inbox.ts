import type { System } from 'dure/service'
import type { Simulation } from '@dure/simulation'
import { marketplace } from '../system.ts'
import { marketplaceSimulation } from './simulation.ts'

/**
 * The marketplace with a mistake: its customer service counts in a transaction of its own, before the one that marks the
 * event as seen. `dure sim examples/marketplace/simulation/no-inbox.ts` finds it.
 */
export const simulation = (): Simulation => marketplaceSimulation((options) => withoutInbox(marketplace(options)))

type Handle = System['services'][number]['reactions'][number]['handle']
type Effect = Parameters<Handle>[1]
type Own = { readonly database: { readonly transaction: (work: (tx: Effect['tx']) => Promise<void>) => Promise<void> } }

function withoutInbox(system: System): System {
  const services = system.services.map((service) => {
    if (service.contract.name !== 'customer') return service
    const reactions = service.reactions.map((reaction) => ({
      ...reaction,
      prepare: (event: Parameters<Handle>[0], context: Omit<Effect, 'tx'>) =>
        (context as unknown as Own).database.transaction(async (tx) => reaction.handle(event, { ...context, tx }, undefined)),
      handle: () => {},
    }))
    return { ...service, reactions }
  })
  return { ...system, services }
}
