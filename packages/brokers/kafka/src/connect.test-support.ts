import type { Broker } from 'dure/messaging'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { kafkaBroker } from './kafka.ts'
import { QUICK_MEMBERS } from './server.test-support.ts'

/** What each process of the suite of processes makes. */
export function connect({ address, runtime, log }: { address: string; runtime: Runtime; log: Logger }): Promise<Broker> {
  return kafkaBroker({ url: address, ...QUICK_MEMBERS, publishTries: 60 })({ runtime, log })
}
