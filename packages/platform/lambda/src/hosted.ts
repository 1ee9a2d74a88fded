import { CallError, type Message } from 'dure/contract'
import type { Broker } from 'dure/messaging'
import { start, SystemError, type Adapter, type Door, type Running, type System } from 'dure/service'
import { handedBroker, type HandedBroker } from './handed-broker.ts'
import type { LambdaOptions } from './options.ts'

/** The part of a system that is a function, as a system of its own. */
export type Hosted = {
  readonly system: System
  /** What takes messages, once it has started. */
  readonly take: HandedBroker['take']
}

/** @throws {SystemError} naming all that cannot be in a function */
export function hostedOf(system: System, door: Door, options: LambdaOptions): Hosted {
  const { services: names = system.services.map(({ contract }) => contract.name), publish } = options
  const services = system.services.filter(({ contract }) => names.includes(contract.name))
  const problems = [
    ...names
      .filter((name) => !services.some(({ contract }) => contract.name === name))
      .map((name) => `It has no service "${name}"; it has ${system.services.map(({ contract }) => contract.name).join(', ')}`),
    ...unmetNeeds(services, system),
    ...(options.instances === 'one' ? [] : loneStores(services, system)),
    ...(publish === undefined && system.broker.reach !== 'network' ? unheard(services) : []),
  ]
  if (problems.length > 0) throw new SystemError(`Cannot run system "${system.name}" as a function`, problems)

  const work = new Set(services.flatMap(({ reactions }) => reactions.filter(({ kind }) => kind === 'queue').map(typeOf)))
  let handed: HandedBroker | undefined
  const broker: Adapter<Broker> = async (world) => {
    const out = publish === undefined ? await outOf(system, world) : { publish, send: publish }
    handed = handedBroker(out, (type) => work.has(type))
    return handed.broker
  }
  return {
    system: {
      ...system,
      // Whatever is brought to a function is work that one of many takes: no copy of it has a partition.
      services: services.map((service) => ({
        ...service,
        reactions: service.reactions.map((reaction) => ({ ...reaction, kind: 'queue' as const })),
      })),
      doors: [door],
      placement: 'together',
      broker: Object.assign(broker, { reach: 'network' as const }),
    },
    take: (message) => handed!.take(message),
  }
}

export function startHosted(
  { system }: Hosted,
  options: Required<Pick<LambdaOptions, 'directory'>> & LambdaOptions,
): Promise<Running> {
  const { directory, log, runtime, logLevel } = options
  return start(system, { directory, ...(log && { log }), ...(runtime && { runtime }), ...(logLevel && { logLevel }) })
}

const typeOf = ({ event }: { readonly event: { readonly name: string } }): string => event.name

type Services = System['services']

function unmetNeeds(services: Services, { external }: System): readonly string[] {
  const there = new Set([...services, ...external].map(({ contract }) => contract.name))
  return services.flatMap(({ contract, needs }) =>
    Object.values(needs)
      .filter(({ name }) => !there.has(name))
      .map(
        ({ name }) =>
          `Service "${contract.name}" needs "${name}", which is not in the function; add it to "services", or to "external" of the system with its address`,
      ),
  )
}

/** A platform runs as many instances as there are calls at once, each with a disk of its own. */
function loneStores(services: Services, { stores, database }: System): readonly string[] {
  return services
    .filter((service) => service.database !== undefined && (stores[service.contract.name] ?? database).sharing !== 'shared')
    .map(
      ({ contract }) =>
        `Service "${contract.name}" keeps its data where one process works with them (SQLite), and a function runs in many at once; use PostgreSQL, or say instances: 'one' and have the platform see to it, on a disk that stays`,
    )
}

function unheard(services: Services): readonly string[] {
  return services
    .filter(({ contract }) => contract.events.length > 0)
    .map(
      ({ contract }) =>
        `Service "${contract.name}" announces events, and the broker of the system is on one machine; give the system one over the network, or say where to with "publish"`,
    )
}

async function outOf(system: System, world: Parameters<Adapter<Broker>>[0]): Promise<Broker | Pick<Broker, 'publish' | 'send'>> {
  if (system.broker.reach === 'network') return system.broker(world)
  const refuse = (messages: readonly Message[]): Promise<never> => {
    const text = `Cannot send "${messages[0]?.type}" from a function: the broker of the system is on one machine; say where to with "publish"`
    return Promise.reject(new CallError('FAILED_PRECONDITION', text))
  }
  return { publish: refuse, send: refuse }
}
