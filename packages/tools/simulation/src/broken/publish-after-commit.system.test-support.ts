/** The event is published in a transaction of its own, after the one of the order: whoever dies in between has an order that nobody hears of. */
import type { SimulationSource } from '../simulation.ts'
import { shopping } from '../shop.test-support.ts'

export const simulation: SimulationSource = shopping('publish after commit')
