/** The other processes of a system, and how each sees the instances that it calls. */
import type { Transport } from '../../call/call.ts'
import type { RemoteService } from '../../call/internal.ts'
import type { Instance, Registry } from '../../discovery/discovery.ts'
import { callAddress } from '../../discovery/internal.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { PeerReading, System } from '../system.ts'
import { remotePeers } from './control.ts'

type OtherProcess = {
  readonly instance: Instance
  /** Of the services that run there, at least one. */
  readonly names: readonly string[]
}

/** Each of the other processes that take calls, once. */
export function otherProcesses({
  system,
  registry,
  id,
}: {
  readonly system: Pick<System, 'services'>
  readonly registry: Registry
  /** Of this process. */
  readonly id: string
}): readonly OtherProcess[] {
  const found = new Map<string, { readonly instance: Instance; readonly names: string[] }>()
  for (const { contract } of system.services)
    for (const instance of registry.instances(contract.name)) {
      if (instance.id === id || callAddress(instance) === undefined) continue
      const one = found.get(instance.id) ?? { instance, names: [] }
      one.names.push(contract.name)
      found.set(instance.id, one)
    }
  return [...found.values()]
}

/** Of a process that does not answer nothing is told. */
export async function peersElsewhere(
  processes: readonly OtherProcess[],
  way: { readonly transport: Transport; readonly runtime: Runtime },
): Promise<readonly PeerReading[]> {
  const told = processes.map(async ({ instance, names }) =>
    seenFrom(names, await remotePeers({ ...way, service: names[0]!, instance })),
  )
  return (await Promise.all(told)).flat()
}

export const seenFrom = (names: readonly string[], services: readonly RemoteService[]): readonly PeerReading[] =>
  services.map((one) => ({ ...one, from: names.join('+') }))
