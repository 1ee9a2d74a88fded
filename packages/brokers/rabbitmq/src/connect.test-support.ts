import type { Broker } from 'dure/messaging'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { rabbitmqBroker } from './rabbitmq.ts'
import { SHORT } from './world.test-support.ts'

/** The adapter of one process among several; `address` is the server, its port for streams, and a prefix of its own. */
export function connect({ address, runtime, log }: { address: string; runtime: Runtime; log: Logger }): Promise<Broker> {
  const [url = '', streamPort = '', prefix = ''] = address.split(' ')
  return rabbitmqBroker({ ...SHORT, url, streamPort: Number(streamPort), prefix })({ runtime, log })
}
