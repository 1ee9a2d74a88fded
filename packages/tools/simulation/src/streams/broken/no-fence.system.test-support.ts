/** Whoever has lost a partition commits all the same. */
import type { SimulationSource } from '../../simulation.ts'
import { mistakes } from '../mistakes.test-support.ts'

export const simulation: SimulationSource = mistakes['no fence']
