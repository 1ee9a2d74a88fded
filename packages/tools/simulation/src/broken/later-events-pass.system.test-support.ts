/** A message that fails is set aside, and later ones of its key go on: when it is tried again, it is out of order. */
import type { SimulationSource } from '../simulation.ts'
import { shopping } from '../shop.test-support.ts'

export const simulation: SimulationSource = shopping('later events pass')
