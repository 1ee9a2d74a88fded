/** The event is marked as seen before its effect: whoever dies in between never has the effect. */
import type { SimulationSource } from '../simulation.ts'
import { shopping } from '../shop.test-support.ts'

export const simulation: SimulationSource = shopping('mark before effect')
