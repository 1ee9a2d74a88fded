/** Two members read the partitions of a stream: they die, stand still, come and go. It is to hold. */
import type { SimulationSource } from '../simulation.ts'
import { selling } from './sales.test-support.ts'

export const simulation: SimulationSource = () => selling()
