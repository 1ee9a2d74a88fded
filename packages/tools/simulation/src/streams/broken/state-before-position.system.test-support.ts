/** A stream writes what it made of events before it notes how far it has read: what it dies between is counted twice. */
import type { SimulationSource } from '../../simulation.ts'
import { mistakes } from '../mistakes.test-support.ts'

export const simulation: SimulationSource = mistakes['state before position']
