import type { Broker } from 'dure/messaging'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { redisBroker } from './redis.ts'

/** How each process of the suite comes to the server: it tries long, and is given up soon. */
export function connect({
  address,
  runtime,
  log,
}: {
  readonly address: string
  readonly runtime: Runtime
  readonly log: Logger
}): Promise<Broker> {
  return redisBroker({ url: address, lease: 2_000, timeout: 60_000 })({ runtime, log })
}
