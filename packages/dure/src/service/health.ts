import type { Broker } from '../messaging/messaging.ts'
import type { Health, SystemStatus } from './system.ts'
import type { Unit } from './unit.ts'

/** Live and ready, with reasons, over all services. */
export async function healthOf(units: readonly Unit[]): Promise<Health> {
  const services = await Promise.all(units.map((unit) => unit.health()))
  return { live: services.every(({ live }) => live), ready: services.every(({ ready }) => ready), services }
}

/** What is still on its way. */
export async function statusOf(units: readonly Unit[], broker: Broker): Promise<SystemStatus> {
  // The order matters to whoever waits for quiet: an event is always in at least one place that is read after it moved.
  const services = await Promise.all(units.map((unit) => unit.status()))
  const lag = await broker.lag()
  const after = await Promise.all(units.map((unit) => unit.status()))
  const busy = [...services, ...after].some((one) => one.outbox > 0 || one.waiting > 0 || one.inHand > 0)
  return { quiet: !busy && lag.every((one) => one.lag === 0), services: after, lag: lag.filter((one) => one.lag > 0) }
}
