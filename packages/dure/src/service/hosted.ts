import { CallError } from '../contract/contract.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Service } from './definition.ts'
import type { Disposables } from './disposables.ts'
import { startOrder } from './order.ts'
import type { SystemProcess } from './process/process.ts'
import { DOORS } from './placement.ts'
import { serviceReadings } from './readings.ts'
import type { ServiceInstance } from './service-instance.ts'
import { createTurns } from './turns.ts'
import type { Running, System, World } from './system.ts'

/** The services that run in this process, which change while it works when services move between processes. */
export type Hosted = {
  readonly instances: readonly ServiceInstance[]
  readonly place: Running['place']
}

/** Milliseconds that calls and reactions have to end when their service moves. */
const HANDOVER = 5_000

/** Opens services in order of their needs, and stops them in the opposite one. */
export async function openHosted(options: {
  readonly system: System
  /** What runs here at first. */
  readonly services: readonly Service[]
  readonly process: SystemProcess | undefined
  readonly open: (service: Service) => Promise<ServiceInstance>
  readonly runtime: Runtime
  readonly telemetry: World['telemetry']
  readonly disposables: Disposables
}): Promise<Hosted> {
  const { system, services, runtime, telemetry, disposables } = options
  const instances: ServiceInstance[] = []
  const unobserve = new Map<ServiceInstance, (() => void) | undefined>()
  const open = async (service: Service): Promise<ServiceInstance> => {
    const instance = await options.open(service)
    instances.push(instance)
    unobserve.set(
      instance,
      telemetry?.metrics.observe(() => serviceReadings(instance, runtime.clock)),
    )
    return instance
  }
  const close = async (instance: ServiceInstance, timeout: number): Promise<void> => {
    await instance.stop({ timeout, moved: true })
    unobserve.get(instance)?.()
    unobserve.delete(instance)
    instances.splice(instances.indexOf(instance), 1)
  }
  const find = (name: string): ServiceInstance | undefined => instances.find((instance) => instance.name === name)
  for (const service of startOrder(system.services)) {
    const { name } = service.contract
    // A service that comes later is stopped in its turn as well.
    disposables.add(`service "${name}"`, async ({ timeout }) => find(name)?.stop({ timeout }))
    if (services.includes(service)) await open(service)
  }
  const { place, stop } = placing({ ...options, open, close, find })
  disposables.add('moves of services', stop)
  return { instances, place }
}

/** Takes services into this process, and gives them out of it, one move after the other. */
function placing(options: {
  readonly system: System
  readonly process: SystemProcess | undefined
  readonly open: (service: Service) => Promise<ServiceInstance>
  readonly close: (instance: ServiceInstance, timeout: number) => Promise<void>
  readonly find: (name: string) => ServiceInstance | undefined
}): { readonly place: Running['place']; readonly stop: () => Promise<void> } {
  const { system, process, open, close, find } = options
  const turns = createTurns()
  let stopping = false

  const giveOut = async (
    instance: ServiceInstance,
    { registrations, certify }: SystemProcess,
    timeout: number,
  ): Promise<void> => {
    await registrations.drain(instance.name)
    await close(instance, timeout)
    await registrations.end(instance.name)
    await certify(instance.name, 'out')
  }

  const takeIn = async (service: Service, process: SystemProcess, timeout: number): Promise<void> => {
    const { registrations, serve, certify } = process
    const { name, version } = service.contract
    await registrations.begin({ service: name, version })
    let instance: ServiceInstance | undefined
    try {
      await certify(name, 'in')
      instance = await open(service)
      serve(instance)
      await registrations.up(name)
      await instance.listen()
    } catch (error) {
      if (instance !== undefined) await giveOut(instance, process, timeout)
      else await registrations.end(name)
      throw error
    }
  }

  const move: Running['place'] = async (name, where, { timeout = HANDOVER } = {}) => {
    const refused = (why: string): CallError =>
      new CallError('FAILED_PRECONDITION', `Cannot move service "${name}" ${where}: ${why}`)
    const service = system.services.find(({ contract }) => contract.name === name)
    if (service === undefined) throw refused(`system "${system.name}" has no such service`)
    if (stopping) throw refused('this process is being stopped')
    if (process === undefined) throw refused('the whole system runs in one process; start it with --split')
    const instance = find(name)
    if ((instance !== undefined) === (where === 'in')) return
    if (!process.takesCalls) throw refused(`this process runs the ${DOORS} alone and takes no calls from others`)
    if (instance === undefined) await takeIn(service, process, timeout)
    else await giveOut(instance, process, timeout)
  }

  return {
    place: (name, where, how) => turns.take(() => move(name, where, how)),
    stop: () => {
      stopping = true
      return turns.over()
    },
  }
}
