import type { Broker } from '../../broker.ts'
import type { ProcessWorld } from '../../processes.conformance.ts'
import { connectTo } from './processes.test-support.ts'

/** The embedded broker that another process hosts, as each process of the suite has it; its address is its folder. */
export function connect({ address }: ProcessWorld): Broker {
  return connectTo(address, 60_000)
}
