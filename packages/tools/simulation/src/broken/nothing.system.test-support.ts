/** Nothing is wrong with this one: it is to hold, whatever befalls it. */
import type { SimulationSource } from '../simulation.ts'
import { shopping } from '../shop.test-support.ts'

export const simulation: SimulationSource = shopping()
