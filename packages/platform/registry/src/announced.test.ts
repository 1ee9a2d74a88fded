/** A system tells the registry where it is called over HTTP, and another finds it there and calls it. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { httpService, rest, type RestOptions } from '@dure/rest'
import { contract, query } from 'dure/contract'
import { service, start, system, type Running, type System } from 'dure/service'
import { createLogger, silentLogger } from 'dure/telemetry'
import { realRuntime } from 'dure/runtime'
import { z } from 'zod'
import { eurekaRegistry } from './eureka.ts'
import { asking, listed, started, temporary, until, type Ask } from './registry.test-support.ts'

const Order = contract('order', {
  version: '1.2.0',
  owner: 'tests',
  operations: { total: query({ input: z.object({ id: z.string() }), output: z.int(), http: 'GET /orders/{id}' }) },
})
const Hidden = contract('hidden', { version: '1.0.0', owner: 'tests', operations: { look: query({ output: z.int() }) } })
const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: { total: query({ input: z.object({ id: z.string() }), output: z.int() }) },
})
const shop = service(Shop, { needs: { order: Order }, handlers: { total: ({ id }, { order }) => order.total({ id }) } })
const hidden = service(Hidden, { handlers: { look: () => 1 } })

function theirs(url: string, announce?: RestOptions['announce']): { made: System; reason: { why: string | undefined } } {
  const reason: { why: string | undefined } = { why: undefined }
  const order = service(Order, { handlers: { total: ({ id }) => id.length }, ready: () => reason.why })
  const door = rest({ port: 0, ...(announce !== undefined && { announce }) })
  const made = system('theirs', {
    services: [order, hidden],
    doors: [door],
    registry: eurekaRegistry({ url, poll: 200, grace: 50 }),
  })
  return { made, reason }
}

async function run(t: TestContext, made: System, more: { part?: readonly string[]; directory?: string } = {}): Promise<Running> {
  const running = await start(made, { directory: temporary(t), log: silentLogger(), shutdownTimeout: 5_000, ...more })
  t.after(() => running.stop({ timeout: 500 }))
  return running
}

const HERE = { host: '127.0.0.1', metadata: { zone: 'seoul-a' } }
const found = async (ask: Ask): Promise<string[]> =>
  listed(await ask('GET /apps'))
    .instances.map((one) => one.replace(/\/\S+/, ''))
    .sort()

test('who knows nothing of Dure finds a service where its door is, and a system calls another there', async (t) => {
  const { url } = await started(t)
  const ask = asking(url)
  const { made, reason } = theirs(url, HERE)
  const running = await run(t, made)
  assert.deepEqual(await found(ask), ['ORDER UP'])
  const text = (await ask('GET /vips/order')).text
  const { port } = new URL(running.doors[0]!.url!)
  assert.ok(text.includes(`"$":${port}`) && text.includes('seoul-a'), text)

  const ours = await run(
    t,
    system('ours', { services: [shop], external: [httpService(Order)], registry: eurekaRegistry({ url, poll: 200 }) }),
  )
  assert.equal(await ours.client(Shop).total({ id: '두레' }), 2)
  reason.why = 'it warms up'
  await until('it is down', async () => (await found(ask)).join() === 'ORDER DOWN')
  reason.why = undefined
  await until('it is up again', async () => (await found(ask)).join() === 'ORDER UP')
  assert.equal(await ours.client(Shop).total({ id: 'abc' }), 3)
  const stopping = running.stop()
  await until('it drains', async () => (await found(ask)).join() !== 'ORDER UP')
  await stopping
  assert.deepEqual(await found(ask), [])
})

test('in a split system the door is found, and not the processes behind it', async (t) => {
  const { url } = await started(t)
  const ask = asking(url)
  const directory = temporary(t)
  const { made } = theirs(url, HERE)
  for (const part of ['broker', 'hidden', 'order', 'doors']) await run(t, made, { directory, part: [part] })
  await until('it is found', async () => (await ask('GET /vips/order')).text.includes('seoul-a'))
  const { text } = await ask('GET /vips/order')
  assert.equal(text.match(/"instanceId"/g)?.length, 1, text)
  assert.ok(!(await ask('GET /vips/hidden')).text.includes('"instanceId"'))
  const ours = await run(
    t,
    system('ours', { services: [shop], external: [httpService(Order)], registry: eurekaRegistry({ url, poll: 200 }) }),
  )
  assert.equal(await ours.client(Shop).total({ id: 'abc' }), 3)
})

test('nobody is told what no other machine reaches', async (t) => {
  const { url } = await started(t)
  const lines: string[] = []
  const log = createLogger({ clock: realRuntime().clock, write: (line) => void lines.push(line) })
  const { made } = theirs(url)
  const running = await start(made, { directory: temporary(t), log })
  t.after(() => running.stop({ timeout: 500 }))
  assert.deepEqual(await found(asking(url)), [])
  assert.ok(
    lines.some((line) => line.includes('not announced') && line.includes('127.0.0.1')),
    lines.join('\n'),
  )
  for (const [options, why] of [
    [{ announce: true }, /listens on "127.0.0.1", which no other machine reaches/],
    [{ announce: true, host: '0.0.0.0' }, /every address of this machine/],
    [{ announce: { host: '0.0.0.0' } }, /give a host that others reach/],
    [{ announce: { host: 'http://a' } }, /give a host that others reach/],
    [{ announce: { host: 'a', port: 0 } }, /from 1 to 65535/],
  ] as const)
    assert.throws(() => rest(options), { name: 'TypeError', message: why })
})
