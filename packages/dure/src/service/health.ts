import type { GroupLag } from '../messaging/messaging.ts'
import { isAbandoned, type Readers } from './lag.ts'
import type { Health, SystemStatus } from './system.ts'
import type { ServiceInstance } from './service-instance.ts'

/** Live and ready, with reasons, over all services. */
export async function healthOf(instances: readonly Pick<ServiceInstance, 'health'>[]): Promise<Health> {
  const services = await Promise.all(instances.map((instance) => instance.health()))
  return { live: services.every(({ live }) => live), ready: services.every(({ ready }) => ready), services }
}

type Status = Awaited<ReturnType<ServiceInstance['status']>>

/** What is still on its way. Who does not answer may have anything: then it is not quiet. */
export async function statusOf(
  instances: readonly { readonly status: () => Promise<Status | undefined> }[],
  lagOf: () => Promise<readonly GroupLag[] | undefined>,
  readers: Readers,
): Promise<SystemStatus> {
  // The order matters to whoever waits for quiet: an event is always in at least one place that is read after it moved.
  const before = await Promise.all(instances.map((instance) => instance.status()))
  const lag = await lagOf()
  const after = await Promise.all(instances.map((instance) => instance.status()))
  const busy = [...before, ...after].some((one) => one === undefined || one.outbox > 0 || one.waiting > 0 || one.inHand > 0)
  const behind = lag?.filter((one) => one.lag > 0) ?? []
  return {
    quiet: !busy && lag !== undefined && behind.every((one) => isAbandoned(one, readers)),
    services: after.filter((one) => one !== undefined),
    lag: behind.filter((one) => !isAbandoned(one, readers)),
    abandoned: behind.filter((one) => isAbandoned(one, readers)),
  }
}
