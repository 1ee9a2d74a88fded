import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { CallError, channel, command, contract, query } from 'dure/contract'
import type { Instance, Registry } from 'dure/discovery'
import { realRuntime } from 'dure/runtime'
import { service, start, system, SystemError, type Running, type System, type SystemOptions } from 'dure/service'
import { createLogger, silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { httpService, rest } from '../rest.ts'
import { answerOf, rawServer } from './client.test-support.ts'

const directory = mkdtempSync(join(tmpdir(), 'dure-http-service-'))
let folders = 0
const running: Running[] = []
after(async () => {
  for (const one of running) await one.stop({ timeout: 0 })
  rmSync(directory, { recursive: true, force: true })
})

const Billing = contract('billing', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    balance: query({
      input: z.object({ id: z.string() }),
      output: z.object({ id: z.string(), left: z.bigint() }),
      deadline: 2_000,
      http: 'GET /accounts/{id}',
    }),
    charge: command({
      input: z.object({ id: z.string(), amount: z.int() }),
      output: z.object({ count: z.int() }),
      http: 'POST /accounts/{id}/charges',
    }),
  },
})
const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    left: query({ input: z.object({ id: z.string() }), output: z.bigint(), deadline: 2_000 }),
    buy: command({ input: z.object({ id: z.string() }), output: z.int() }),
  },
})
const shop = service(Shop, {
  needs: { billing: Billing },
  handlers: {
    left: async ({ id }, { billing }) => (await billing.balance({ id })).left,
    buy: async ({ id }, { billing }) => (await billing.charge({ id, amount: 5 })).count,
  },
})

async function run(made: System, part?: readonly string[], folder = `${directory}/${folders++}`): Promise<Running> {
  const options = { directory: folder, log: silentLogger(), shutdownTimeout: 500 }
  const one = await start(made, part === undefined ? options : { ...options, part })
  running.push(one)
  return one
}

/** Billing as others run it, as far as anybody can see from outside. */
async function billing(): Promise<{ url: string; asked: () => number; stop: () => Promise<void> }> {
  let count = 0
  const one = service(Billing, {
    handlers: {
      balance: ({ id }) => {
        count++
        return { id, left: 2n ** 70n }
      },
      charge: () => ({ count: ++count }),
    },
  })
  const made = await run(system('theirs', { services: [one], doors: [rest({ port: 0 })] }))
  return { url: made.doors[0]!.url!, asked: () => count, stop: () => made.stop({ timeout: 0 }) }
}

const shopWith = (external: SystemOptions['external'], more: Partial<SystemOptions> = {}): System =>
  system('ours', { services: [shop], ...(external && { external }), ...more })
const reason =
  (code: string) =>
  (thrown: unknown): boolean =>
    thrown instanceof CallError && thrown.code === code

test('a service that others run is needed and called as any other, together and split', async () => {
  const theirs = await billing()
  const made = shopWith([httpService(Billing, { url: theirs.url })])
  const folder = `${directory}/${folders++}`
  for (const one of [await run(made), (await run(made, ['broker', 'shop'], folder), await run(made, ['doors'], folder))]) {
    const client = one.client(Shop)
    assert.equal(await client.left({ id: '두레/1' }), 2n ** 70n)
    assert.ok((await client.buy({ id: 'a' })) > 0)
    // Also from outside, as `dure call` does.
    assert.deepEqual(await one.call('billing', 'balance', { id: 'b' }, {}), { id: 'b', left: 2n ** 70n })
    assert.deepEqual(
      one.external.map(({ name }) => name),
      ['billing'],
    )
    assert.equal((await one.status()).services.length, 1)
  }
})

test('a system is refused that nobody serves, twice, or that HTTP cannot carry', () => {
  const problems = (options: SystemOptions): string => {
    try {
      system('ours', options)
      return ''
    } catch (error) {
      assert.ok(error instanceof SystemError)
      return error.message
    }
  }
  assert.match(problems({ services: [shop] }), /needs "billing".* or to "external" where others run it/)
  const own = service(Billing, { handlers: { balance: ({ id }) => ({ id, left: 1n }), charge: () => ({ count: 1 }) } })
  assert.match(
    problems({ services: [shop, own], external: [httpService(Billing, { url: 'http://a' })] }),
    /2 services are named "billing"/,
  )
  const Odd = contract('odd', {
    version: '1.0.0',
    owner: 'tests',
    operations: { talk: channel({ incoming: z.string(), output: z.string() }), look: query({}) },
  })
  const words = problems({ services: [shop, own], external: [httpService(Odd, { url: 'http://a' })] })
  assert.match(words, /"odd.talk" is to be called over HTTP .* HTTP has no channels/)
  assert.match(words, /"odd.look" .* such as http: 'POST \/look'/)
  for (const [options, why] of [
    [{ url: 'ftp://a' }, /url of the service "billing"/],
    [{ url: [] }, /"url" is empty/],
    [{ url: ['http://a/x', 'http://b/y'] }, /differ in more than host and port/],
    [{ url: 'http://a', tls: {} }, /write "https:"/],
    [{ prefix: 'api' }, /"prefix" is "api"/],
    [{ limits: { connections: 0 } }, /"connections" is 0/],
  ] as const)
    assert.throws(() => httpService(Billing, options), { name: 'TypeError', message: why })
})

test('of two instances one is killed: no call that may be repeated fails, and others at most while it is noticed', async () => {
  const [one, other] = [await billing(), await billing()]
  const { client } = await run(shopWith([httpService(Billing, { url: [one.url, other.url] })]))
  const shopClient = client(Shop)
  let failed = 0
  let over = false
  const load = Array.from({ length: 8 }, async () => {
    while (!over) await shopClient.left({ id: 'a' }).catch(() => failed++)
  })
  while (one.asked() < 20 || other.asked() < 20) await new Promise((resolve) => setImmediate(resolve))
  await one.stop()
  const before = other.asked()
  while (other.asked() < before + 100) await new Promise((resolve) => setImmediate(resolve))
  over = true
  await Promise.all(load)
  assert.equal(failed, 0)
})

test('a frozen instance holds nobody past its deadline and is left out', async () => {
  const theirs = await billing()
  const frozen = await rawServer(() => {})
  const made = shopWith([httpService(Billing, { url: [theirs.url, `http://127.0.0.1:${frozen.port}`] })])
  const client = (await run(made)).client(Shop)
  let late = 0
  // Enough for whoever stalls to be left out; then nobody meets it until it is tried again.
  for (let right = 0; right < 20;) {
    const began = performance.now()
    const answer = await client.left({ id: 'a' }, { timeout: 250 }).catch((error: unknown) => error)
    if (typeof answer === 'bigint') right++
    else {
      assert.ok(reason('DEADLINE_EXCEEDED')(answer), String(answer))
      right = 0
      late++
    }
    assert.ok(performance.now() - began < 2_000)
  }
  assert.ok(late <= 20, `${late} calls were late`)
})

test('policies of the system guard it: a breaker opens, and fewer attempts are made', async () => {
  const failing = await rawServer((socket) => void socket.write(answerOf(503, 'text/plain', 'away')))
  const made = shopWith([httpService(Billing, { url: `http://127.0.0.1:${failing.port}` })], {
    policies: { billing: { breaker: { minimumCalls: 2, failureRate: 0.5 }, remote: { attempts: 1 } } },
  })
  const one = await run(made)
  for (let n = 0; n < 2; n++) await assert.rejects(one.client(Shop).left({ id: 'a' }), reason('UNAVAILABLE'))
  assert.equal(failing.requests.length, 2)
  for (let n = 0; n < 5; n++) await assert.rejects(one.client(Shop).left({ id: 'a' }), reason('UNAVAILABLE'))
  assert.equal(failing.requests.length, 2, 'the breaker is open')
})

test('what comes back from somewhere else is not in the words of this one', async () => {
  const lines: string[] = []
  const log = createLogger({ clock: realRuntime().clock, write: (line) => void lines.push(line) })
  const made = shopWith([httpService(Billing, { url: 'http://user:secret-1@127.0.0.1:1' })], {
    policies: { '*': { remote: { patience: 0 } } },
  })
  const one = await start(made, { directory: `${directory}/${folders++}`, log, shutdownTimeout: 500 })
  running.push(one)
  await assert.rejects(one.client(Shop).buy({ id: 'a' }), (thrown) => {
    assert.ok(reason('UNAVAILABLE')(thrown))
    assert.ok(!(thrown as Error).message.includes('127.0.0.1'), (thrown as Error).message)
    return true
  })
  assert.ok(lines.some((line) => line.includes('no connection to 127.0.0.1:1')))
  assert.ok(!lines.join('').includes('secret-1'))
})

test('instances come from the registry: those with an endpoint of HTTP and none of Dure', async () => {
  const theirs = await billing()
  const { hostname: host, port } = new URL(theirs.url)
  const http = { kind: 'tcp', host, port: Number(port) } as const
  let known: readonly Instance[] = []
  const listeners = new Map<string | undefined, (instances: readonly Instance[], service: string) => void>()
  const instance = (id: string, more: Partial<Instance>): Instance => ({
    ...{ service: 'BILLING-APP', id, version: '0.0.0', status: 'up', endpoints: { http }, metadata: {} },
    ...more,
  })
  const registry: Registry = {
    register: async () => ({ update: async () => {}, stop: async () => {} }),
    instances: (name) => (name === 'BILLING-APP' ? known : []),
    services: () => ['BILLING-APP'],
    watch: (name, listener) => {
      listeners.set(name, listener)
      return { stop: () => {} }
    },
    freshness: () => ({ fresh: true }),
    stop: async () => {},
  }
  const made = shopWith([httpService(Billing, { name: 'BILLING-APP' })], { registry: () => registry })
  const client = (await run(made)).client(Shop)
  const nobody = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const
  const waiting = client.left({ id: 'a' })
  known = [
    instance('dures', { endpoints: { http: nobody, dure: nobody } }),
    instance('down', { status: 'down', endpoints: { http: nobody } }),
    instance('secure', { endpoints: { https: nobody } }),
    instance('right', {}),
  ]
  listeners.get('BILLING-APP')!(known, 'BILLING-APP')
  assert.equal(await waiting, 2n ** 70n)
  for (let n = 0; n < 20; n++) await client.buy({ id: 'a' })
})
