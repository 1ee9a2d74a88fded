import type { GroupLag } from '../messaging/messaging.ts'
import type { Copies } from './copies.ts'
import { isAbandoned, type Readers } from './lag.ts'
import type { CallReading } from '../call/call.ts'
import type { CopyReading, Health, ServiceHealth, SystemStatus } from './system.ts'
import type { ServiceInstance } from './service-instance.ts'

/** Live and ready, with reasons, over all copies of all services. */
export async function healthOf(services: readonly Copies<Pick<ServiceInstance, 'health'>>[]): Promise<Health> {
  const all = await Promise.all(
    services.map(async ({ name, copies }) => {
      if (copies.length === 0) return [away({ service: name, copy: name, reason: 'No process runs it' })]
      return Promise.all(copies.map((copy) => copy.health()))
    }),
  )
  return {
    live: all.flat().every(({ live }) => live),
    ready: all.every((copies) => copies.some(({ ready }) => ready)),
    services: all.flat(),
  }
}

/** Of what cannot be asked. */
export function away({ service, copy, reason }: Record<'service' | 'copy' | 'reason', string>): ServiceHealth {
  return { service, copy, state: 'stopped', live: false, ready: false, reasons: [reason] }
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
