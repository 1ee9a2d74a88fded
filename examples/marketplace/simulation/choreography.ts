import type { Simulation } from '@dure/simulation'
import { marketplace } from '../system.ts'
import { marketplaceSimulation } from './simulation.ts'

/** The marketplace whose checkout is a choreography: `dure sim examples/marketplace/simulation/choreography.ts`. */
export const simulation = (): Simulation =>
  marketplaceSimulation((options) => marketplace({ ...options, checkout: 'choreography' }))
