/** The effect of an event is not in the transaction that marks it as seen: when the event comes again, so does the effect. */
import type { SimulationSource } from '../simulation.ts'
import { shopping } from '../shop.test-support.ts'

export const simulation: SimulationSource = shopping('no inbox')
