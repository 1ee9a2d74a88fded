/** Who charges asks for a lease first, and nobody looks whether it is still theirs when the charge comes in. */
import type { SimulationSource } from '../simulation.ts'
import { shopping } from '../shop.test-support.ts'

export const simulation: SimulationSource = shopping('lease without fencing')
