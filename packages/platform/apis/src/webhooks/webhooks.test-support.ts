import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { testSystem, type TestSystemOptions } from '@dure/testing'
import { command, contract, describeContract, event } from 'dure/contract'
import { servicePrincipal } from 'dure/contract/internal'
import { database as tables } from 'dure/data'
import { service } from 'dure/service'
import { z } from 'zod'
import { Apis, apisService, verifyWebhook, webhook, type WebhookOptions } from '../apis.ts'
import { ANA, FREE, KIM, type Managed } from '../apis.test-support.ts'

const schema = z.object({ orderId: z.string(), state: z.string(), application: z.string() })
const Changed = event('order.changed', { schema, key: ({ orderId }) => orderId })
const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'team-checkout',
  operations: { change: command({ input: schema, http: 'POST /orders' }) },
  events: [Changed],
})
const orders = service(Orders, {
  database: tables({ migrations: {} }),
  handlers: { change: (order, { database }) => database.transaction((tx) => tx.publish(Changed, order)) },
})

export type Got = { readonly id: string; readonly type: string; readonly data: z.infer<typeof schema> }

/** Takes what it is sent, as long as `answer` says so. */
export async function receiver(t: Pick<TestContext, 'after'>) {
  const got: Got[] = []
  const state = { answer: 200, secret: '' }
  const waiting: (() => void)[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += String(part)
    const verified = verifyWebhook({ secret: state.secret, headers: request.headers, body, now: Date.now() })
    assert.ok(verified.ok, JSON.stringify(verified))
    got.push({ id: verified.id, ...(JSON.parse(body) as Omit<Got, 'id'>) })
    response.writeHead(state.answer).end()
    for (const each of waiting.splice(0)) each()
  }).listen(0, '127.0.0.1')
  t.after(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
  const until = async (is: () => boolean): Promise<void> => {
    while (!is()) await new Promise<void>((resolve) => waiting.push(resolve))
  }
  return { got, state, address, until }
}

export async function hooking(
  t: Pick<TestContext, 'after'>,
  { database, ...options }: Partial<WebhookOptions> & Pick<TestSystemOptions, 'database'> = {},
) {
  const events = [webhook(Changed, { product: 'orders', to: ({ application }) => application })]
  const services = [orders, apisService({ webhooks: { events, internal: true, ...options } })]
  const system = await testSystem(services, { ...(database !== undefined && { database }) })
  t.after(() => system.stop())
  const as: Managed['as'] = (principal) => system.client(Apis, { principal })
  await as(KIM).publish({ contract: describeContract(Orders), plans: [FREE] })
  const ana = as(ANA)
  const { id: application } = await ana.addApplication({ name: 'Shelf' })
  const { id: subscription } = await ana.subscribe({ application, product: 'orders', plan: 'free' })
  const client = system.client(Orders, { principal: servicePrincipal('shop') })
  const change = (orderId: string, state: string, to = application) => client.change({ orderId, state, application: to })
  return { system, as, ana, application, subscription, change }
}
