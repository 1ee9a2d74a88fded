/** What Spring's Eureka client makes of the registry, and what Spring's Eureka server makes of our client: one line a check. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { rest } from '@dure/rest'
import { contract, query } from 'dure/contract'
import type { Registration, Registry } from 'dure/discovery'
import { realRuntime } from 'dure/runtime'
import { service, start, system } from 'dure/service'
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
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

const Order = contract('order', {
  version: '1.0.0',
  owner: 'team-order',
  operations: { total: query({ input: z.object({ id: z.string() }), output: z.string(), http: 'GET /orders/{id}' }) },
})
const order = service(Order, { handlers: { total: ({ id }) => `order ${id} costs 5` } })
const running = await start(system('shop', { services: [order], doors: [rest({ port: 0 })], security: 'off' }), {
  directory: join(directory, 'shop'),
  log: silentLogger(),
})
const door = new URL(running.doors[0]!.url!)

async function openAt(url: string): Promise<{ readonly registry: Registry; readonly order: Registration }> {
  const world = { directory: join(directory, 'shop'), runtime: realRuntime(), log: silentLogger() }
  const registry = await eurekaRegistry({ url, poll: 500 })(world)
  const http = { kind: 'tcp', host: door.hostname, port: Number(door.port) } as const
  const registration = await registry.register({
    ...{ service: 'order', id: 'one', version: '1.0.0', status: 'up' },
    ...{ endpoints: { http }, metadata: { zone: 'seoul-a' } },
  })
  return { registry, order: registration }
}

/** Spring finds our service and calls it; we find Spring's, and call it. */
async function eachOther(registry: Registry, java: string): Promise<void> {
  await until('Spring is found', () => registry.instances('app')[0]?.status === 'up', LONG)
  const at = registry.instances('app')[0]!.endpoints['http']
  assert.ok(at?.kind === 'tcp')
  assert.equal(await said(`http://${at.host}:${at.port}/hello`), 'hello from java')
  const found = JSON.stringify([`http://${door.host} seoul-a`])
  await until('our service is found by Spring', async () => (await said(`${java}/found/order`)) === found, LONG)
  await until('it is called', async () => (await said(`${java}/call/order?path=/orders/7`)) === '"order 7 costs 5"', LONG)
}

try {
  const port = await freePort()
  let ours = await ourServer(port)
  const spring = await application(ours.url)
  const { registry, order: registration } = await openAt(ours.url)
  await check('Spring Cloud Netflix on our registry', async () => {
    await eachOther(registry, spring.url)
    return 'registers, is found and called, finds order and calls it through its load-balanced RestTemplate'
  })
  await check('our registry killed and started again', async () => {
    const before = await said(`${ours.url}/apps`)
    await end(ours.child)
    ours = await ourServer(port)
    const after = await said(`${ours.url}/apps`)
    for (const app of ['APP', 'ORDER']) for (const text of [before, after]) assert.ok(text.includes(`<name>${app}</name>`), text)
    await until('both renew', () => registry.freshness().fresh)
    await eachOther(registry, spring.url)
    return 'both were there at its first answer, and go on'
  })
  await check('draining and leaving', async () => {
    await registration.update({ status: 'draining' })
    await until('Spring calls it no more', async () => (await said(`${spring.url}/found/order`)) === '[]', LONG)
    await registration.stop()
    return 'order drains, and Spring finds it no more'
  })
  await check('Spring killed', async () => {
    await end(spring.child)
    const began = performance.now()
    await until('it is gone', () => registry.instances('app').length === 0)
    const ms = performance.now() - began
    assert.ok(ms <= 6_000, `it took ${ms.toFixed(0)} ms`)
    return `gone after ${ms.toFixed(0)} ms, its lease being 3,000`
  })
  await registry.stop()
  await end(ours.child)
  const theirs = await springServer()
  const client = await openAt(theirs)
  const second = await application(theirs)
  await check("our client on Spring's Eureka server", async () => {
    await eachOther(client.registry, second.url)
    await client.order.update({ status: 'draining' })
    await until('Spring calls it no more', async () => (await said(`${second.url}/found/order`)) === '[]', LONG)
    await end(second.child)
    await until('Spring is gone', () => client.registry.instances('app').length === 0, LONG)
    return 'registers, is found and called by Spring, finds Spring; who drains or is killed is gone on both sides'
  })
  await client.registry.stop()
} finally {
  await running.stop()
  for (const child of children) await end(child)
  rmSync(directory, { recursive: true, force: true })
}
if (failed) process.exitCode = 1
