import assert from 'node:assert/strict'
import { test } from 'node:test'
import { event, PERSONAL } from 'dure/contract'
import { z } from 'zod'
import { webhook } from '../apis.ts'
import { person } from '../apis.test-support.ts'
import { hooking, receiver } from './webhooks.test-support.ts'

test('events of an application arrive signed, in the order of their keys, again when they were refused, and nobody else’s', async (t) => {
  const { as, ana, subscription, change } = await hooking(t)
  const { got, state, address, until } = await receiver(t)
  const events = ['order.changed']
  const { id: webhook, secret } = await ana.addWebhook({ subscription, address, events })
  state.secret = secret
  state.answer = 503
  await change('1', 'placed')
  await change('1', 'paid')
  await change('2', 'placed', 'somebody else')
  await until(() => got.length >= 1)
  // The second waits behind the first.
  while ((await ana.webhooks({ subscription }))[0]!.state === 'active') await new Promise(setImmediate)
  const [failing] = await ana.webhooks({ subscription })
  assert.deepEqual([failing!.waiting, failing!.dead, failing!.failed?.status], [2, 0, 503])
  assert.ok(!JSON.stringify(failing).includes(secret))
  state.answer = 200
  await until(() => got.at(-1)!.data.state === 'paid')
  assert.deepEqual(new Set(got.slice(0, -1).map(({ data }) => data.state)), new Set(['placed']))
  assert.equal(new Set(got.map(({ id }) => id)).size, 2, 'what comes again has the same id')
  const bo = as(person('bo'))
  for (const work of [
    bo.webhooks({ subscription }),
    bo.removeWebhook({ subscription, webhook }),
    bo.deliveries({ subscription, webhook }),
  ])
    await assert.rejects(work, { code: 'NOT_FOUND' })
  await ana.unsubscribe({ subscription })
  assert.deepEqual(await ana.webhooks({ subscription }), [])
})

test('what was given up is seen by its subscriber, who has it sent again', async (t) => {
  const { ana, subscription, change } = await hooking(t, { attempts: 1 })
  const { got, state, address, until } = await receiver(t)
  const { id: webhook, secret } = await ana.addWebhook({ subscription, address, events: ['order.changed'] })
  Object.assign(state, { secret, answer: 302 })
  await change('1', 'placed')
  const dead = async () => (await ana.deliveries({ subscription, webhook })).filter((each) => each.state === 'dead')
  while ((await dead()).length === 0) await new Promise(setImmediate)
  const [given] = await dead()
  assert.deepEqual([given!.event, given!.key, given!.attempts, given!.status], ['order.changed', '1', 1, 302])
  assert.match(given!.why!, /redirect/)
  state.answer = 204
  await ana.redeliver({ subscription, webhook, delivery: given!.id })
  await until(() => got.length === 2)
  assert.equal(got[1]!.id, got[0]!.id)
  while ((await ana.deliveries({ subscription, webhook })).length > 0) await new Promise(setImmediate)
  await assert.rejects(ana.redeliver({ subscription, webhook, delivery: given!.id }), { code: 'NOT_FOUND' })
})

test('addresses inside, and events that nobody offers, are refused; so are events with private fields', async (t) => {
  const { ana, subscription } = await hooking(t, { internal: false })
  const add = (address: string, ...events: string[]) => ana.addWebhook({ subscription, address, events })
  await assert.rejects(add('https://169.254.169.254/latest', 'order.changed'), { code: 'INVALID_ARGUMENT', message: /inside/ })
  await assert.rejects(add('https://shop.example/', 'order.gone'), /offers no event "order.gone"; it offers order.changed/)
  for (let i = 0; i < 5; i++) await add(`https://shop.example/${i}`, 'order.changed')
  await assert.rejects(add('https://shop.example/6', 'order.changed'), { code: 'RESOURCE_EXHAUSTED' })
  assert.deepEqual((await ana.products())[0]!.events, ['order.changed'])
  const Hidden = event('order.hidden', { schema: z.object({ card: z.string().meta(PERSONAL) }), key: () => 'x' })
  assert.throws(() => webhook(Hidden, { product: 'orders', to: 'everybody' }), /has private fields/)
})
