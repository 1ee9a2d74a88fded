import { type Transport } from '../../call/call.ts'
import { createJoinedTransport } from '../../call/internal.ts'
import type { Registry } from '../../discovery/discovery.ts'
import { callAddress } from '../../discovery/internal.ts'
import type { Broker, DeadLetters } from '../../messaging/messaging.ts'
import type { Service } from '../definition.ts'
import type { Copies } from '../copies.ts'
import { callsOf, createHealth, statusOf } from '../health.ts'
import { lagOf, readersOf, type Lag } from '../lag.ts'
import { BROKER, checkMembers, DOORS } from '../placement.ts'
import type { CopyReading, PeerReading, Door, DoorHost, Health, SystemStatus } from '../system.ts'
import { lagFamilies } from '../readings.ts'
import type { Others } from '../settings-host.ts'
import type { ServiceInstance } from '../service-instance.ts'
import { settingsFleet } from './fleet.ts'
import { otherProcesses, peersElsewhere, seenFrom } from './peers.ts'
import { remoteAsk, remoteCopy, remoteLetters, remoteStory, remoteTracing, serveControl, type RemoteCopy } from './control.ts'
import { shareRetainedTraces, type TracingProcess } from './retained-traces.ts'
import type { SystemProcessOptions } from './options.ts'
import { ownBroker } from '../own-broker.ts'
import { BROKER_SERVICE, brokerElsewhere, brokerHere } from './shared-broker.ts'
import { createRegistrations, type Registrations } from './registrations.ts'
import { sockets } from './wires.ts'

export { GRACE } from './registrations.ts'
export { networkWires, type Certificates, type NetworkOptions, type ProcessCertificates } from './network.ts'
export type { Listener, Wires } from './wires.ts'

/** One process of a system that is split: what runs in it, and the way to what runs elsewhere. */
export type SystemProcess = {
  /** To services here directly, to the others through the registry. */
  readonly transport: Transport
  readonly services: readonly Service[]
  readonly doors: readonly Door[]
  readonly broker: Broker
  readonly registry: Registry
  /** What all of its services are called in the registry. */
  readonly id: string
  /** Takes calls from other processes and lets them know; the way back is among what is to be undone. */
  readonly open: (instances: readonly ServiceInstance[]) => Promise<void>
  readonly registrations: Registrations
  /** Has this process known, by its certificate, for a service more, or for one less. */
  readonly certify: (service: string, where: 'in' | 'out') => Promise<void>
  /** Other processes can call it: it runs more than doors. */
  readonly takesCalls: boolean
  /** Lets others ask about an instance of this process. */
  readonly serve: (instance: ServiceInstance) => void
  readonly health: (instances: readonly ServiceInstance[]) => Promise<Health>
  readonly status: (instances: readonly ServiceInstance[]) => Promise<SystemStatus>
  readonly calls: (instances: readonly ServiceInstance[]) => Promise<readonly CopyReading[]>
  readonly peers: () => Promise<readonly PeerReading[]>
  /** All copies that run now, those of other processes too. */
  readonly copies: (instances: readonly ServiceInstance[]) => readonly Copies<ServiceInstance | RemoteCopy>[]
  readonly lag: (instances: readonly ServiceInstance[]) => Promise<Lag>
  readonly deadLetters: (instances: readonly ServiceInstance[], service: string) => DeadLetters | undefined
  /** Asks the extensions of a service that another process runs. */
  readonly ask: DoorHost['ask']
  readonly story: DoorHost['story']
  /** The processes that have settings, this one among them. */
  readonly fleet: Others
}

/** @throws {SystemError} when the part names what is not there, {CallError} when there is no way to the others */
export async function openProcess(options: SystemProcessOptions): Promise<SystemProcess> {
  const { system, members, world, local, deadlines, disposables, wires = sockets } = options
  const { runtime, log } = world
  checkMembers(system, members)
  const services = system.services.filter(({ contract }) => members.includes(contract.name))
  const registry = await system.registry(world)
  // What is registered until then goes with it: the process itself.
  disposables.add('registry', () => registry.stop())
  const { metadata = {} } = world
  const remote = wires.connect({
    registry,
    runtime,
    log,
    policies: system.policies,
    here: { zone: metadata['zone'], callersOf: callersIn(system) },
  })
  disposables.add('connections to other processes', () => remote.stop())
  const transport = createJoinedTransport({ local, remote })

  const name = members.join('+')
  const direct = system.broker.reach === 'network' ? await ownBroker(system, world, disposables) : undefined
  const served = direct === undefined && members.includes(BROKER) ? await brokerHere(options) : undefined
  const broker =
    direct ?? served?.broker ?? (await brokerElsewhere({ name, system: system.name, transport, registry, world, disposables }))

  const id = runtime.ids.next()
  /** Copies of a service in other processes that take calls now. */
  const elsewhere = (service: string): readonly RemoteCopy[] =>
    registry
      .instances(service)
      .filter((instance) => instance.id !== id && callAddress(instance) !== undefined)
      .map((instance) => remoteCopy({ service, instance, transport, runtime }))
  let known: ReadonlyMap<string, TracingProcess> = new Map()
  const tracingProcesses = (): readonly TracingProcess[] => {
    known = new Map(
      otherProcesses({ system, registry, id }).map(({ instance, names }) => {
        const found = known.get(instance.id) ?? remoteTracing({ service: names[0]!, instance, transport, runtime })
        return [instance.id, found]
      }),
    )
    return [...known.values()]
  }
  const telemetry = world.telemetry
  // Whoever asks at a door wants to hear of all processes; each tells its own exporters of itself alone.
  telemetry?.metrics.elsewhere(async () => {
    const copies = system.services.flatMap(({ contract }) => elsewhere(contract.name))
    return (await Promise.all(copies.map((copy) => copy.metrics()))).flat()
  })
  if (!members.includes(BROKER)) telemetry?.metrics.elsewhere(async () => lagFamilies(broker, runtime.clock))
  const all = (instances: readonly ServiceInstance[]): readonly Copies<ServiceInstance | RemoteCopy>[] =>
    system.services.map(({ contract: { name } }) => ({
      name,
      copies: [...instances.filter((instance) => instance.name === name), ...elsewhere(name)],
    }))

  const here = [
    ...(served === undefined ? [] : [{ service: BROKER_SERVICE, version: served.version }]),
    ...services.map(({ contract }) => ({ service: contract.name, version: contract.version })),
  ]
  const registrations = createRegistrations({ registry, runtime, id, copy: world.copy, metadata, leave: served?.leave })
  await Promise.all(here.map(registrations.begin))
  const open = async (instances: readonly ServiceInstance[]): Promise<void> => {
    for (const instance of instances) serve(instance)
    if (here.length === 0) return
    const listener = await wires.listen({ directory: world.directory, id, transport: local, runtime, log })
    disposables.add('connections from other processes', () => listener.stop())
    disposables.add('registration', registrations.withdraw)
    await registrations.open(listener)
  }
  const recorder = telemetry?.tracer.recorder
  const peers = () => remote.status().services
  const serve = (instance: ServiceInstance): void =>
    serveControl({ instance, transport: local, deadlines, runtime, log, recorder, peers })
  if (recorder !== undefined) {
    const sharing = shareRetainedTraces({ recorder, runtime, others: tracingProcesses, takesCalls: here.length > 0 })
    disposables.add('traces that are kept', async () => sharing.stop())
  }

  const certified = new Set(namesOf(members))
  const certify: SystemProcess['certify'] = async (service, where) => {
    if (where === 'in') certified.add(service)
    else certified.delete(service)
    await wires.certify?.([...certified])
  }

  const readers = readersOf(system.services)
  const healthOf = createHealth({ services: system.services, runtime })
  return {
    certify,
    transport,
    services,
    doors: members.includes(DOORS) ? system.doors : [],
    broker,
    registry,
    id,
    open,
    fleet: settingsFleet({ registry, transport, runtime, id }),
    registrations,
    takesCalls: here.length > 0,
    serve,
    health: async (instances) => {
      const health = await healthOf(all(instances))
      // Whoever restarts what is not live must not do so with this process because another one is away.
      const here = health.services.filter(({ copy }) => instances.some((instance) => instance.copy === copy))
      return { ...health, live: here.every(({ live }) => live) }
    },
    status: (instances) => statusOf(all(instances), () => broker.lag().catch(() => undefined), readers),
    calls: (instances) => callsOf(all(instances)),
    peers: async () => [
      ...seenFrom(members, peers()),
      ...(await peersElsewhere(otherProcesses({ system, registry, id }), { transport, runtime })),
    ],
    copies: all,
    lag: (instances) => lagOf(all(instances), () => broker.lag(), readers),
    ask: (service, question) => remoteAsk({ service, transport, runtime }, question),
    story: (service, question) => remoteStory({ service, transport, runtime }, question),
    deadLetters: (instances, service) => {
      const here = instances.find(({ name }) => name === service)
      if (here !== undefined) return here.deadLetters()
      const keepsData = system.services.some(({ contract, database }) => contract.name === service && database !== undefined)
      return keepsData ? remoteLetters({ service, transport, runtime }) : undefined
    },
  }
}

/** What a process is known for in certificates: by the names that the registry has, and `doors`. */
export function namesOf(members: readonly string[]): readonly string[] {
  return members.map((member) => (member === BROKER ? BROKER_SERVICE : member))
}

/** Services that call a service, by what they need. */
function callersIn({ services }: Pick<SystemProcessOptions['system'], 'services'>): (service: string) => readonly string[] {
  return (service) =>
    services.filter(({ needs }) => Object.values(needs).some(({ name }) => name === service)).map(({ contract }) => contract.name)
}
