/** `node shop.test-support.ts JSON`: one process of a shop whose APIs are managed; it says `ready` when it is. */
import { gateway } from '@dure/gateway'
import { command, contract, describeContract, event, query, type ContractDescription } from 'dure/contract'
import { database } from 'dure/data'
import { service, start, system, type Door, type System } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { ANA, KIM } from '../apis.test-support.ts'
import { apisService, managed, webhook } from '../apis.ts'

export type Part = {
  readonly part: readonly string[]
  readonly directory: string
  readonly copy: number
  /** Of a gateway: its port, and the server behind it. */
  readonly gateway?: { readonly port: number; readonly server: string; readonly accessLog: string }
}

const schema = z.object({ orderId: z.string(), step: z.int(), application: z.string() })
const Changed = event('order.changed', { schema, key: ({ orderId }) => orderId })
const operations = {
  count: query({ output: z.int(), http: 'GET /orders/count' }),
  change: command({ input: schema, http: 'POST /orders' }),
}
export const Orders = contract('orders', { version: '1.0.0', owner: 'team-checkout', operations, events: [Changed] })
/** The contract as another version has it. */
export const described = (version: string, names: readonly (keyof typeof operations)[]): ContractDescription =>
  describeContract(
    contract('orders', {
      version,
      owner: 'team-checkout',
      operations: Object.fromEntries(names.map((name) => [name, operations[name]])),
      events: [Changed],
    }),
  )

const orders = service(Orders, {
  database: database({ migrations: {} }),
  handlers: {
    count: () => 42,
    change: async (order, { database: own }) => {
      await own.transaction((tx) => tx.publish(Changed, order))
    },
  },
})

export const shop = (doors: readonly Door[]): System =>
  system('shop', {
    services: [
      orders,
      apisService({
        webhooks: {
          events: [webhook(Changed, { product: 'orders', to: ({ application }) => application })],
          internal: true,
        },
      }),
    ],
    doors,
    telemetry: false,
    security: {
      authenticate: ({ header }) => [KIM, ANA].find(({ subject }) => header('authorization') === `Bearer ${subject}`),
    },
  })

const edge = ({ port, server, accessLog }: NonNullable<Part['gateway']>): Door => {
  const route = (line: string) => ({
    path: `/v${line}/orders/count`,
    to: 'server',
    filters: [managed({ product: 'orders', line, deprecation: 'https://shop.example/orders' })],
  })
  const routes = { 'orders.count': route('1'), 'orders.count:2': route('2') }
  return gateway({ port, accessLog, routes: { routes, upstreams: { server: { addresses: [server] } } } })
}

if (import.meta.main) {
  const { gateway: asked, ...part } = JSON.parse(process.argv[2]!) as Part
  await start(shop(asked === undefined ? [] : [edge(asked)]), { ...part, log: silentLogger() })
  console.log('ready')
}
