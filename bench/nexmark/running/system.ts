/** Queries as a service runs them: state in its store, events from a broker. */
import { contract, event } from 'dure/contract'
import { database, sqlite } from 'dure/data'
import { embeddedBroker, type Broker } from 'dure/messaging'
import { service, system, type Adapter, type System } from 'dure/service'
import { topology, type Topology } from 'dure/stream'
import { plainNode } from 'dure/stream/internal'
import { z } from 'zod'
import { queries } from '../queries/queries.ts'
import type { Query } from '../queries/query.ts'
import type { Row } from '../rows.ts'
import type { QueryName } from '../sql.ts'

const Cells = z.array(z.union([z.string(), z.number()]))

/** What a query says of a key from now on; of a query that only goes on, one row. */
export const Told = event('nexmark.told', {
  schema: z.object({ query: z.string(), key: z.string(), rows: z.array(Cells) }),
  key: ({ query, key }) => `${query} ${key}`,
})

export const NAME = 'nexmark'
const Nexmark = contract(NAME, { version: '1.0.0', owner: 'bench', operations: {}, events: [Told] })

/** Where the answer of a query is: in the state of its last operator, or told as it changes, since windows that close are forgotten. */
export type Where = 'state' | 'told'

export function whereOf({ topology: { nodes }, table }: Query): Where {
  const last = nodes.find(({ name }) => name !== undefined && name === table?.name)
  return last?.read !== undefined && last.kind !== 'window' ? 'state' : 'told'
}

function runningOf(name: QueryName): Topology {
  const query = queries[name]()
  const { nodes } = query.topology
  const { table } = query
  if (whereOf(query) === 'state') return query.topology
  const end = table === undefined ? nodes.at(-1)!.inputs[0]! : nodes.find((node) => node.name === table.name)!
  const tell = plainNode('tell', [end], ({ publish }) => (next, _, key, time) => {
    const rows = table === undefined ? [next] : next === undefined ? [] : table.rowsOf(next as never, key)
    publish(Told, { query: name, key, rows: (rows as Row[]).map((row) => [...row]) }, key, time)
  })
  return topology(name, [{ node: { ...tell, publishes: Told } }])
}

export function nexmarkSystem(names: readonly QueryName[], broker: Adapter<Broker>): System {
  const one = service(Nexmark, { database: database({ migrations: {} }), extensions: names.map(runningOf), handlers: {} })
  return system(NAME, { services: [one], broker, database: sqlite({ durability: 'process' }) })
}

export const BROKERS = ['embedded', 'served', 'kafka', 'nats'] as const
export type BrokerName = (typeof BROKERS)[number]

const PARTITIONS = 4

/** @param url of a server */
export async function brokerOf(name: BrokerName, url: string): Promise<Adapter<Broker>> {
  switch (name) {
    case 'kafka':
      return (await import('@dure/kafka')).kafkaBroker({ url, prefix: 'nexmark.' })
    case 'nats':
      return (await import('@dure/nats')).natsBroker({ servers: url, prefix: 'nexmark', lease: 3_000 })
    case 'embedded':
    case 'served':
      return embeddedBroker({ durability: 'process', partitions: PARTITIONS })
  }
}
