/** A partition on which nothing comes is waited for, for ever: windows stay open. */
import type { SimulationSource } from '../../simulation.ts'
import { mistakes } from '../mistakes.test-support.ts'

export const simulation: SimulationSource = mistakes['no idleness']
