/** What Spring's Eureka client makes of the registry, and what Spring's Eureka server makes of our client: one line a check. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort } from '@dure/testing/servers'
import { httpService, rest } from '@dure/rest'
import { CallError, command, contract, error, query } from 'dure/contract'
import type { Address, Instance, Registry } from 'dure/discovery'
import { realRuntime } from 'dure/runtime'
import { service, start, system, type Running } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { eurekaRegistry } from './eureka.ts'
import { until } from './registry.test-support.ts'

const [jar = ''] = process.argv.slice(2)
/** A machine may be slow: how long Spring takes is not what is looked at. */
const LONG = 240_000
const directory = mkdtempSync(join(tmpdir(), 'dure-eureka-peers-'))
const children = new Set<ChildProcess>()

let failed = false
async function check(name: string, work: () => Promise<string>): Promise<void> {
  const said = await work().catch((error: unknown) => error as Error)
  failed ||= said instanceof Error
  console.log(said instanceof Error ? `✖ ${name}: ${said.stack}` : `✔ ${name}: ${said}`)
}

function run(program: string, words: readonly string[]): ChildProcess {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'ignore'] })
  children.add(child)
  child.once('close', () => children.delete(child))
  return child
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (!children.has(child)) return
  const closed = once(child, 'close')
  child.kill(signal)
  await closed
}

const JAVA = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-jar', jar]
// Server and application are one program, and beside the server's Jersey a client has to be told which HTTP client is its own.
const SPRING = [
  '--server.address=127.0.0.1',
  '--spring.main.banner-mode=off',
  '--logging.level.root=WARN',
  '--eureka.client.jersey.enabled=false',
]

async function application(url: string): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const port = await freePort()
  const child = run('java', [
    ...JAVA,
    'app',
    ...SPRING,
    `--server.port=${port}`,
    '--spring.application.name=app',
    `--eureka.client.service-url.defaultZone=${url}`,
    '--eureka.instance.prefer-ip-address=true',
    '--eureka.instance.ip-address=127.0.0.1',
    '--eureka.instance.lease-renewal-interval-in-seconds=1',
    '--eureka.instance.lease-expiration-duration-in-seconds=3',
    '--eureka.client.registry-fetch-interval-seconds=1',
    '--spring.cloud.loadbalancer.cache.ttl=1s',
  ])
  child.stdout?.resume()
  return { child, url: `http://127.0.0.1:${port}` }
}

async function springServer(): Promise<string> {
  const port = await freePort()
  const child = run('java', [
    ...JAVA,
    'server',
    ...SPRING,
    `--server.port=${port}`,
    '--spring.application.name=eureka',
    '--eureka.client.register-with-eureka=false',
    '--eureka.client.fetch-registry=false',
    '--eureka.server.enable-self-preservation=false',
    '--eureka.server.eviction-interval-timer-in-ms=1000',
    '--eureka.server.response-cache-update-interval-ms=500',
  ])
  child.stdout?.resume()
  const url = `http://127.0.0.1:${port}/eureka`
  await until('the Eureka server answers', async () => (await said(`${url}/apps`)).startsWith('<applications>'), LONG)
  return url
}

const own = fileURLToPath(import.meta.resolve('./server.child.test-support.ts'))
async function ourServer(port: number): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const child = run(process.execPath, ['--conditions=dure-source', own, join(directory, 'registry'), String(port)])
  const [url] = (await once(createInterface(child.stdout!), 'line')) as [string]
  return { child, url }
}

/** Empty where nobody answers. */
async function said(url: string): Promise<string> {
  return fetch(url).then(
    (answer) => answer.text(),
    () => '',
  )
}

const OutOfStock = error('OUT_OF_STOCK', { data: z.object({ sku: z.string(), left: z.int() }) })
/** What Spring serves, as a contract says it. */
const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'team-java',
  operations: {
    find: query({
      input: z.object({ sku: z.string(), places: z.array(z.string()).default([]) }),
      output: z.object({ sku: z.string(), left: z.int(), places: z.array(z.string()), by: z.string(), traced: z.boolean() }),
      deadline: 10_000,
      http: 'GET /stock/{sku}',
    }),
    reserve: command({
      input: z.object({ sku: z.string(), count: z.int() }),
      output: z.object({ reserved: z.int() }),
      errors: { OutOfStock },
      http: { routes: 'POST /stock/{sku}/reservations', status: 201 },
    }),
    count: command({ http: 'POST /stock/count' }),
  },
})
const Order = contract('order', {
  version: '1.0.0',
  owner: 'team-order',
  operations: {
    total: query({ input: z.object({ id: z.string() }), output: z.string(), http: 'GET /orders/{id}' }),
    left: query({ input: z.object({ sku: z.string() }), output: z.object({ left: z.int(), by: z.string() }), deadline: 10_000 }),
  },
})
const order = service(Order, {
  needs: { stock: Stock },
  handlers: {
    total: ({ id }) => `order ${id} costs 5`,
    left: async ({ sku }, { stock }) => await stock.find({ sku }),
  },
})

/** Our system, which tells the registry at this url of its door, and needs what Spring serves. */
async function openAt(url: string): Promise<{ readonly running: Running; readonly registry: Registry; readonly door: URL }> {
  const announce = { host: '127.0.0.1', metadata: { zone: 'seoul-a' } }
  const made = system('shop', {
    services: [order],
    external: [httpService(Stock, { name: 'app' })],
    registry: eurekaRegistry({ url, poll: 500 }),
    doors: [rest({ port: 0, announce })],
    security: 'off',
  })
  const running = await start(made, { directory: join(directory, `shop-${systems++}`), log: silentLogger() })
  return { running, registry: await running.registry(), door: new URL(running.doors[0]!.url!) }
}
let systems = 0

/** Spring finds our service and calls it; a service of ours calls Spring's, by its contract. */
async function eachOther({ running, registry, door }: Awaited<ReturnType<typeof openAt>>, java: string): Promise<void> {
  const by = new URL(java).port
  const isIt = (at: Address | undefined): boolean => at?.kind === 'tcp' && String(at.port) === by
  const known = (): readonly Instance[] => registry.instances('app')
  await until(
    'Spring is found, alone',
    () => known().length === 1 && known()[0]?.status === 'up' && isIt(known()[0]?.endpoints['http']),
    LONG,
  )
  const stock = running.client(Stock)
  const sku = '두레 50%'
  assert.deepEqual(await stock.find({ sku, places: ['a,b', '서울'] }), {
    sku,
    left: 3,
    places: ['a,b', '서울'],
    by,
    traced: true,
  })
  assert.deepEqual(await running.client(Order).left({ sku }), { left: 3, by })
  assert.deepEqual(await stock.reserve({ sku, count: 2 }), { reserved: 2 })
  await assert.rejects(stock.reserve({ sku, count: 4 }), (thrown) => {
    assert.ok(OutOfStock.is(thrown))
    assert.deepEqual([thrown.data, thrown.message], [{ sku, left: 3 }, 'Only 3 are left'])
    return true
  })
  await assert.rejects(stock.count(), (thrown) => {
    assert.ok(thrown instanceof CallError && thrown.code === 'INTERNAL' && !thrown.message.includes('password'), String(thrown))
    return true
  })
  const found = JSON.stringify([`${door.origin} seoul-a`])
  await until('our service is found by Spring', async () => (await said(`${java}/found/order`)) === found, LONG)
  await until('it is called', async () => (await said(`${java}/call/order?path=/orders/7`)) === '"order 7 costs 5"', LONG)
}

/** Of two applications one is killed while both are called: nobody who asks hears of it. */
async function killedUnderCalls(ours: Awaited<ReturnType<typeof openAt>>, spring: ChildProcess, other: string): Promise<string> {
  await until('both are found', () => ours.registry.instances('app').filter(({ status }) => status === 'up').length === 2, LONG)
  const client = ours.running.client(Order)
  const answers = new Map<string, number>()
  let failed = 0
  let over = false
  const load = Array.from({ length: 8 }, async () => {
    while (!over) {
      const { by } = await client.left({ sku: 'tea' }).catch(() => {
        failed++
        return { by: '' }
      })
      answers.set(by, (answers.get(by) ?? 0) + 1)
    }
  })
  const { port } = new URL(other)
  const answered = (): number => answers.get(port) ?? 0
  try {
    await until('both answer', () => answers.size === 2 && answered() > 100, LONG)
    await end(spring)
    const before = answered()
    await until('it is gone from the registry', () => ours.registry.instances('app').length === 1, LONG)
    await until('the other goes on', () => answered() > before + 500, LONG)
  } finally {
    over = true
    await Promise.all(load)
  }
  assert.equal(failed, 0)
  const all = [...answers.values()].reduce((sum, one) => sum + one, 0)
  return `${all} calls by contract, 0 failed`
}

try {
  const port = await freePort()
  let ours = await ourServer(port)
  const spring = await application(ours.url)
  const shop = await openAt(ours.url)
  const { registry, running } = shop
  await check('Spring Cloud Netflix on our registry', async () => {
    await eachOther(shop, spring.url)
    return 'is called by order through the registry, by contract: answers, a declared error, a failure; finds order, announced by its door, and calls it through its load-balanced RestTemplate'
  })
  await check('our registry killed and started again', async () => {
    const before = await said(`${ours.url}/apps`)
    await end(ours.child)
    ours = await ourServer(port)
    const after = await said(`${ours.url}/apps`)
    for (const app of ['APP', 'ORDER']) for (const text of [before, after]) assert.ok(text.includes(`<name>${app}</name>`), text)
    await until('both renew', () => registry.freshness().fresh)
    await eachOther(shop, spring.url)
    return 'both were there at its first answer, and go on'
  })
  const second = await application(ours.url)
  await check('one of two Spring applications killed', () => killedUnderCalls(shop, spring.child, second.url))
  await check('draining and leaving', async () => {
    await eachOther(shop, second.url)
    await running.stop()
    await until('Spring calls it no more', async () => (await said(`${second.url}/found/order`)) === '[]', LONG)
    return 'order drains before its door closes, and Spring finds it no more'
  })
  await check('Spring killed', async () => {
    const watching = await eurekaRegistry({ url: ours.url, poll: 500 })({
      directory,
      runtime: realRuntime(),
      log: silentLogger(),
    })
    await until('it is seen', () => watching.instances('app').length > 0, LONG)
    await end(second.child)
    const began = performance.now()
    await until('it is gone', () => watching.instances('app').length === 0)
    const ms = performance.now() - began
    await watching.stop()
    assert.ok(ms <= 6_000, `it took ${ms.toFixed(0)} ms`)
    return `gone after ${ms.toFixed(0)} ms, its lease being 3,000`
  })
  await end(ours.child)
  const theirs = await springServer()
  const client = await openAt(theirs)
  const third = await application(theirs)
  await check("our client on Spring's Eureka server", async () => {
    await eachOther(client, third.url)
    await client.running.stop()
    await until('Spring calls it no more', async () => (await said(`${third.url}/found/order`)) === '[]', LONG)
    return 'registers, is found and called by Spring, finds Spring and calls it by contract; who has left is found no more'
  })
} finally {
  for (const child of children) await end(child)
  rmSync(directory, { recursive: true, force: true })
}
if (failed) process.exitCode = 1
