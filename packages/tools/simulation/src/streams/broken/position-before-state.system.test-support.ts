/** A stream notes how far it has read before it writes what it made of it: what it dies between is lost. */
import type { SimulationSource } from '../../simulation.ts'
import { mistakes } from '../mistakes.test-support.ts'

export const simulation: SimulationSource = mistakes['position before state']
