import { test } from 'node:test'
import { postgres } from '@dure/postgres'
import { startServer } from '@dure/postgres/server'
import { hooking, receiver } from './webhooks.test-support.ts'

test('on PostgreSQL what a webhook did not take is given up, and sent again when its subscriber says so', async (t) => {
  const server = await startServer({ settings: { fsync: 'off' } })
  t.after(() => server.close())
  const hooks = await hooking(t, { database: postgres({ url: server.url() }), attempts: 1 })
  const { got, state, address, until } = await receiver(t)
  const of = { subscription: hooks.subscription }
  const { id: webhook, secret } = await hooks.ana.addWebhook({ ...of, address, events: ['order.changed'] })
  Object.assign(state, { secret, answer: 500 })
  await hooks.change('1', 'placed')
  while ((await hooks.ana.webhooks(of))[0]!.dead === 0) await new Promise(setImmediate)
  const [dead] = await hooks.ana.deliveries({ ...of, webhook })
  state.answer = 200
  await hooks.ana.redeliver({ ...of, webhook, delivery: dead!.id })
  await until(() => got.length === 2)
})
