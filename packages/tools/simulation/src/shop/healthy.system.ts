/** The shop as the command line runs it: `dure sim packages/tools/simulation/src/shop/healthy.system.ts`. */
import type { SimulationSource } from '../simulation.ts'
import { shopping } from './simulation.test-support.ts'

export const simulation: SimulationSource = shopping()
