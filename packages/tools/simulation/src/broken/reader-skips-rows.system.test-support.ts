/** Numbers are drawn before the transaction, and a reader goes on from the highest it has seen: what commits late is passed over. */
import type { SimulationSource } from '../simulation.ts'
import { shopping } from '../shop.test-support.ts'

export const simulation: SimulationSource = shopping('reader skips rows')
