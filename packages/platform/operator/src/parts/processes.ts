import { contract, query } from 'dure/contract'
import type { Instance } from 'dure/discovery'
import type { DoorHost } from 'dure/service'
import { z } from 'zod'
import { operatorPart, type OperatorPart } from '../part.ts'
import { ProcessReading, supervisorOf } from './placement.ts'

const Address = z.union([
  z.object({ kind: z.literal('unix'), path: z.string() }),
  z.object({ kind: z.literal('tcp'), host: z.string(), port: z.number() }),
])
const InstanceReading = z.object({
  service: z.string(),
  id: z.string(),
  version: z.string(),
  status: z.enum(['starting', 'up', 'draining', 'down']),
  /** By protocol. */
  endpoints: z.record(z.string(), Address),
  /** `copy`, `zone`, `since`, and what the system says besides. */
  metadata: z.record(z.string(), z.string()),
})
/** `since`: when the registry could be read for the last time, in milliseconds since the epoch. */
const Freshness = z.union([z.object({ fresh: z.literal(true) }), z.object({ fresh: z.literal(false), since: z.number() })])

const Processes = contract('processes', {
  version: '1.0.0',
  owner: 'dure',
  description: 'What runs where',
  operations: {
    list: query({
      output: z.object({
        /** Whether somebody starts them again, and can be asked to move services. */
        supervised: z.boolean(),
        processes: z.array(ProcessReading),
      }),
      description: 'Processes of this host, with what runs in each',
    }),
    instances: query({
      output: z.object({ instances: z.array(InstanceReading), freshness: Freshness }),
      description: 'Copies of services as the registry knows them, over all hosts; a system in one process has none there',
    }),
  },
})

/** Processes, and the copies of services that are in them. */
export const processes: OperatorPart = operatorPart({
  contract: Processes,
  answer: ({ host, world }) => ({
    list: async (_, { signal }) => {
      const supervisor = supervisorOf(world.directory)
      if (supervisor !== undefined) return { supervised: true, processes: await supervisor.report({ signal }) }
      const members = [...host.contracts.map(({ name }) => name), 'broker', 'doors']
      return { supervised: false, processes: [{ name: host.system, pid: process.pid, restarts: 0, members }] }
    },
    instances: () => instancesOf(host),
  }),
})

type Instances = { instances: z.infer<typeof InstanceReading>[]; freshness: z.infer<typeof Freshness> }

async function instancesOf(host: DoorHost): Promise<Instances> {
  const registry = await host.registry()
  // A name with a dot is no service: it is how processes know each other.
  const services = registry.services().filter((name) => !name.includes('.'))
  const byCopy = (a: Instance, b: Instance): number => copyOf(a).localeCompare(copyOf(b), 'en', { numeric: true })
  const instances = services.flatMap((name) => registry.instances(name).toSorted(byCopy))
  return { instances: instances as Instances['instances'], freshness: registry.freshness() }
}

const copyOf = ({ service, metadata: { copy = service } }: Instance): string => copy
