/** One process reads all partitions of a stream, from a store of its own. It is to hold. */
import type { SimulationSource } from '../simulation.ts'
import { selling } from './sales.test-support.ts'

export const simulation: SimulationSource = () => selling({ copies: false })
