import { randomBytes } from 'node:crypto'
import type { Broker } from 'dure/messaging'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { natsBroker, type NatsOptions } from './nats.ts'
export { firsts, numbered as message, numberOf, publishAtLast, range, until, caughtUp } from 'dure/messaging/conformance'

export const runtime = realRuntime()

/** A prefix that no other test uses. */
export const freshPrefix = (): string => `t${randomBytes(6).toString('hex')}`

/** Short times, so that what waits for a lease does not wait long. */
export const SHORT: NatsOptions = { syncsAlways: true, timeout: 2_000, lease: 1_000, ackWait: 1_000 }

export const openBroker = (options: NatsOptions): Promise<Broker> =>
  natsBroker({ ...SHORT, ...options })({ runtime, log: silentLogger() })
