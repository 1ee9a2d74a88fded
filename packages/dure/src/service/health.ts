import type { GroupLag } from '../messaging/messaging.ts'
import type { Copies } from './copies.ts'
import { isAbandoned, type Readers } from './lag.ts'
import type { CallReading } from '../call/call.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Service } from './definition.ts'
import { createSince, type DependencyHealth } from './dependencies.ts'
import type { CopyReading, Health, Pulse, ServiceHealth, SystemStatus } from './system.ts'
import type { ServiceInstance } from './service-instance.ts'

type Asked = Copies<Pick<ServiceInstance, 'health'>>

/** Tells live and ready, with reasons, over all copies of all services, and of each what it needs. */
export function createHealth({
  services,
  runtime,
}: {
  readonly services: readonly Pick<Service, 'contract' | 'needs'>[]
  readonly runtime: Pick<Runtime, 'clock'>
}): (copies: readonly Asked[]) => Promise<Health> {
  const since = createSince(runtime)
  const { monotonic } = runtime.clock
  const needs = new Map(services.map(({ contract, needs }) => [contract.name, Object.values(needs).map(({ name }) => name)]))

  /** A service that is needed is up where a copy of it takes calls. */
  const dependencyOn = (name: string, copies: readonly Told[]): DependencyHealth => {
    const ready = copies.filter(({ health }) => health.ready)
    const state = ready.length > 0 ? 'up' : 'down'
    const reason = copies.flatMap(({ health }) => health.reasons)[0] ?? 'No process runs it'
    return {
      ...{ name, kind: 'service', state, since: since(name, state) },
      latency: state === 'up' ? Math.min(...ready.map(({ ms }) => ms)) : undefined,
      reason: state === 'up' ? undefined : reason,
    }
  }
  return async (copies) => {
    const all = await Promise.all(copies.map(async (one) => [one.name, await tellOf(one, monotonic)] as const))
    const byName = new Map(all)
    const withNeeds = ({ health }: Told): ServiceHealth => {
      const needed = (needs.get(health.service) ?? []).flatMap((name) => {
        const told = byName.get(name)
        return told === undefined ? [] : [dependencyOn(name, told)]
      })
      // A copy of an older release tells none.
      const { dependencies = [] } = health as Partial<ServiceHealth>
      return { ...health, dependencies: [...dependencies, ...needed] }
    }
    const told = all.map(([, each]) => each)
    return {
      live: told.flat().every(({ health }) => health.live),
      ready: told.every((each) => each.some(({ health }) => health.ready)),
      services: told.flat().map(withNeeds),
    }
  }
}

/** What a copy said, and milliseconds until it had. */
type Told = { readonly health: ServiceHealth; readonly ms: number }

async function tellOf({ name, copies }: Asked, monotonic: Runtime['clock']['monotonic']): Promise<readonly Told[]> {
  if (copies.length === 0) return [{ health: away({ service: name, copy: name, reason: 'No process runs it' }), ms: 0 }]
  return Promise.all(
    copies.map(async (copy) => {
      const at = monotonic()
      const health = await copy.health()
      return { health, ms: monotonic() - at }
    }),
  )
}

/** Of this process, from what runs in it. */
export function pulseOf(instances: readonly Pick<ServiceInstance, 'pulse'>[]): Pulse {
  const services = instances.map((instance) => instance.pulse())
  return { live: services.every(({ live }) => live), started: services.every(({ started }) => started), services }
}

/** Of what cannot be asked. */
export function away({ service, copy, reason }: Record<'service' | 'copy' | 'reason', string>): ServiceHealth {
  return { service, copy, state: 'stopped', live: false, started: false, ready: false, reasons: [reason], dependencies: [] }
}

/** How the calls that leave services stand; of a copy that does not answer nothing is told. */
export async function callsOf(
  services: readonly Copies<{
    readonly copy: string
    readonly calls: () => Promise<readonly CallReading[]> | readonly CallReading[]
  }>[],
): Promise<readonly CopyReading[]> {
  const all = services.flatMap(({ copies }) => copies)
  const read = await Promise.all(all.map(async ({ copy, calls }) => (await calls()).map((one) => ({ ...one, copy }))))
  return read.flat()
}

type Status = Awaited<ReturnType<ServiceInstance['status']>>

/** What is still on its way. Who does not answer may have anything: then it is not quiet. */
export async function statusOf(
  services: readonly Copies<{ readonly status: () => Promise<Status | undefined> }>[],
  lagOf: () => Promise<readonly GroupLag[] | undefined>,
  readers: Readers,
): Promise<SystemStatus> {
  // The order matters to whoever waits for quiet: an event is always in at least one place that is read after it moved.
  const ask = async (): Promise<readonly (Status | undefined)[]> => {
    // Of what no process runs, nobody answers.
    const answers = services.map(({ copies }) => (copies.length === 0 ? [undefined] : copies.map((copy) => copy.status())))
    return Promise.all(answers.flat())
  }
  const before = await ask()
  const lag = await lagOf()
  const after = await ask()
  const busy = [...before, ...after].some((one) => one === undefined || one.outbox > 0 || one.waiting > 0 || one.inHand > 0)
  const behind = lag?.filter((one) => one.lag > 0) ?? []
  return {
    quiet: !busy && lag !== undefined && behind.every((one) => isAbandoned(one, readers)),
    services: after.filter((one) => one !== undefined),
    lag: behind.filter((one) => !isAbandoned(one, readers)),
    abandoned: behind.filter((one) => isAbandoned(one, readers)),
  }
}
