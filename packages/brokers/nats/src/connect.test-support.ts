import type { Broker } from 'dure/messaging'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { natsBroker } from './nats.ts'
import { SHORT } from './world.test-support.ts'

/** The adapter of one process among several; `address` is the server and a prefix of its own. */
export function connect({ address, runtime, log }: { address: string; runtime: Runtime; log: Logger }): Promise<Broker> {
  const [servers = '', prefix = ''] = address.split(' ')
  return natsBroker({ ...SHORT, lease: 2_000, servers, prefix })({ runtime, log })
}
