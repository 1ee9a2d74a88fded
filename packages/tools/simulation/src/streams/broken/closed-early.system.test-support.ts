/** A window closes as soon as one event is behind its end, though others may still come. */
import type { SimulationSource } from '../../simulation.ts'
import { mistakes } from '../mistakes.test-support.ts'

export const simulation: SimulationSource = mistakes['closed early']
