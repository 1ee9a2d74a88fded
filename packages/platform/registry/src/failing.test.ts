import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Instance, Registry } from 'dure/discovery'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { eurekaRegistry, type EurekaRegistryOptions } from './eureka.ts'
import { asking, listed, said, started, temporary, until } from './registry.test-support.ts'

type Child = { readonly child: ChildProcess; readonly line: string; readonly kill: () => Promise<void> }

const PROGRAMS = {
  server: import.meta.resolve('./server.child.test-support.ts'),
  client: import.meta.resolve('./client.child.test-support.ts'),
}

async function run(t: TestContext, program: keyof typeof PROGRAMS, ...words: readonly string[]): Promise<Child> {
  const file = fileURLToPath(PROGRAMS[program])
  const child = spawn(process.execPath, ['--conditions=dure-source', file, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  t.after(kill)
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { child, line, kill }
}

async function open(t: TestContext, url: string, options: Partial<EurekaRegistryOptions> = {}): Promise<Registry> {
  const registry = await eurekaRegistry({ url, ...options })({
    directory: temporary(t),
    runtime: realRuntime(),
    log: silentLogger(),
  })
  t.after(() => registry.stop())
  return registry
}

const orders = (id: string, more: Partial<Instance> = {}): Instance => ({
  ...{ service: 'orders', id, version: '1.0.0', status: 'up', endpoints: {}, metadata: {} },
  ...more,
})
const ids = (registry: Registry, service: string = 'orders'): string =>
  registry
    .instances(service)
    .map(({ id }) => id)
    .toSorted()
    .join()
const portOf = (url: string): string => new URL(url).port

test('a registry that is killed and started again has lost nobody, and its clients go on as if nothing were', async (t) => {
  const directory = temporary(t)
  const first = await run(t, 'server', directory, '0')
  const url = first.line
  const [here, there] = [await open(t, url), await open(t, url)]
  await here.register(orders('a'))
  // One that only Eureka's protocol keeps alive, and one that was taken out.
  const ask = asking(url)
  await ask('POST /apps/JAVA', said('JAVA', 'j'))
  await ask('POST /apps/JAVA', said('JAVA', 'gone'))
  await ask('DELETE /apps/JAVA/gone')
  await ask('PUT /apps/JAVA/j/status?value=OUT_OF_SERVICE')
  await until('both are seen', () => ids(there) === 'a' && there.instances('java')[0]?.status === 'draining')
  await first.kill()
  await until('the view is known to be stale', () => !there.freshness().fresh && !here.freshness().fresh)
  assert.deepEqual([ids(there), ids(there, 'java')], ['a', 'j'])
  // What is said meanwhile is told when it is back.
  const late = await Promise.race([
    here.register(orders('b')).then((registration) => registration),
    run(t, 'server', directory, portOf(url)).then(() => new Promise<never>(() => {})),
  ])
  await until('all is fresh again, and told', () => there.freshness().fresh && here.freshness().fresh && ids(there) === 'a,b')
  assert.deepEqual(
    listed(await ask('GET /apps/JAVA').then(async () => ask('GET /apps'))).instances.filter((each) => each.startsWith('JAVA')),
    ['JAVA/j OUT_OF_SERVICE'],
  )
  assert.equal((await ask('POST /apps/JAVA', said('JAVA', 'gone'))).status, 204)
  assert.equal((await ask('GET /apps/JAVA/gone')).status, 404)
  await late.stop()
  await until('who left is gone', () => ids(there) === 'a')
})

test('killed in the middle of registrations, it has all that it acknowledged', async (t) => {
  const directory = temporary(t)
  const { line, kill } = await run(t, 'server', directory, '0')
  const ask = asking(line)
  const acknowledged: string[] = []
  const enough = Promise.withResolvers<void>()
  const callers = Array.from({ length: 8 }, async (_, caller) => {
    for (let at = 0; ; at++) {
      const id = `i${caller}-${at}`
      const answer = await ask('POST /apps/ORDER', said('ORDER', id)).catch(() => undefined)
      if (answer?.status !== 204) return
      acknowledged.push(id)
      if (acknowledged.length === 200) enough.resolve()
    }
  })
  await enough.promise
  await kill()
  await Promise.all(callers)
  const again = await started(t, { directory })
  const there = new Set(listed(await again.ask('GET /apps')).instances)
  for (const id of acknowledged) assert.ok(there.has(`ORDER/${id} UP`), id)
})

test('a frozen registry: the view is kept and said to be stale; when it goes on nobody has been lost', async (t) => {
  const { child, line } = await run(t, 'server', temporary(t), '0')
  const [here, there] = [await open(t, line, { timeout: 500 }), await open(t, line, { timeout: 500 })]
  await here.register(orders('a'))
  await until('it is seen', () => ids(there) === 'a')
  const lost: string[] = []
  there.watch('orders', (now) => {
    if (now.length === 0) lost.push('a')
  })
  child.kill('SIGSTOP')
  await until('both know', () => !here.freshness().fresh && !there.freshness().fresh)
  assert.equal(ids(there), 'a')
  // Longer than the lease.
  const until4 = performance.now() + 4_000
  await until('a lease has passed', () => performance.now() > until4)
  child.kill('SIGCONT')
  await until('both are fresh again', () => here.freshness().fresh && there.freshness().fresh)
  assert.deepEqual([ids(there), lost], ['a', []])
})

test('a client that is killed is gone after its lease; one that was frozen for longer comes back', async (t) => {
  const { url } = await started(t)
  const there = await open(t, url)
  const [killed, frozen] = await Promise.all([run(t, 'client', url, 'killed'), run(t, 'client', url, 'frozen')])
  await until('both are seen', () => ids(there) === 'frozen,killed')
  await killed.kill()
  frozen.child.kill('SIGSTOP')
  await until('both are gone', () => ids(there) === '')
  frozen.child.kill('SIGCONT')
  await until('the frozen one is back', () => ids(there) === 'frozen')
})

test('whoever leaves says first that it drains; an operator may take one out of service and put it back', async (t) => {
  const { url, ask } = await started(t)
  const [here, there] = [await open(t, url, { grace: 7 }), await open(t, url)]
  assert.equal(here.grace, 7)
  const own = await here.register(orders('a', { service: 'Order/s' }))
  const status = (): string | undefined => there.instances('Order/s')[0]?.status
  await until('it is up', () => status() === 'up')
  await ask('PUT /apps/ORDER_S/Order~2f~s:a/status?value=OUT_OF_SERVICE')
  await until('it is out of service', () => status() === 'draining')
  await ask('DELETE /apps/ORDER_S/Order~2f~s:a/status')
  await until('it is back', () => status() === 'up')
  await own.update({ status: 'draining' })
  await until('it drains', () => status() === 'draining')
  await own.stop()
  await until('it is gone', () => status() === undefined)
})

test('somebody else took it out: who lives registers again', async (t) => {
  const { url, ask } = await started(t)
  const [here, there] = [await open(t, url), await open(t, url)]
  await here.register(orders('a'))
  await until('it is seen', () => ids(there) === 'a')
  await ask('DELETE /apps/ORDERS/orders:a')
  await until('it is gone', () => ids(there) === '')
  await until('it is back', () => ids(there) === 'a')
})

test('without a registry a start waits as long as it was told, and says what to do', async (t) => {
  const { url, stop } = await started(t)
  await stop()
  const registry = await open(t, url, { registerTimeout: 300 })
  assert.equal(registry.freshness().fresh, false)
  await assert.rejects(registry.register(orders('a')), {
    code: 'UNAVAILABLE',
    message: new RegExp(`^Cannot register "orders" with the registry ${url}: the connection was refused; start one with`),
  })
  assert.deepEqual(registry.instances('orders'), [])
  const locked = await started(t, { credentials: { user: 'dure', password: 'secret' } })
  const outside = await open(t, locked.url)
  await assert.rejects(outside.register(orders('a')), {
    code: 'FAILED_PRECONDITION',
    message: /it answered 401: Cannot let you in/,
  })
  const inside = await open(t, locked.url.replace('//', '//dure:secret@'))
  await inside.register(orders('a'))
  assert.equal(inside.freshness().fresh, true)
})

test('what is no Eureka server, or answers nonsense, takes nothing from what is known', async (t) => {
  let answer: readonly [status: number, body: string] = [200, '']
  const server: Server = createServer((_request, response) => {
    response.writeHead(answer[0], { 'content-type': 'application/json' })
    response.end(answer[1])
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/eureka`
  const list = (...instances: readonly object[]): string =>
    JSON.stringify({
      applications: { apps__hashcode: `UP_${instances.length}_`, application: { name: 'ORDERS', instance: instances } },
    })
  // One that cannot be read keeps nobody else from being found.
  answer = [200, list(said('ORDERS', 'a').instance, { hostName: 'x' })]
  const registry = await open(t, url, { poll: 20, timeout: 300 })
  assert.equal(ids(registry), 'a')
  for (const nonsense of [
    [200, '<html>'],
    [200, '{"applications":null}'],
    [500, ''],
    [404, ''],
    [302, ''],
    [200, '{'.repeat(1_000)],
  ] as const) {
    answer = nonsense
    await until(`stale by ${nonsense[0]} ${nonsense[1].slice(0, 20)}`, () => !registry.freshness().fresh)
    assert.equal(ids(registry), 'a')
    answer = [200, list(said('ORDERS', 'a').instance)]
    await until('it is fresh again', () => registry.freshness().fresh)
  }
  await assert.rejects(open(t, 'registry'), /Cannot use the url of the registry/)
})

test('many that fall silent at once are kept, and every client hears that the view is stale', async (t) => {
  const { url, ask } = await started(t, { preservation: { least: 3, share: 0.15, time: 4_000 } })
  const lease = { leaseInfo: { renewalIntervalInSecs: 1, durationInSecs: 3 } }
  const there = await open(t, url)
  for (const id of ['a', 'b', 'c', 'd']) await ask('POST /apps/JAVA', said('JAVA', id, lease))
  await until('they are seen', () => ids(there, 'java') === 'a,b,c,d')
  await until('it is stale', () => !there.freshness().fresh)
  assert.equal(ids(there, 'java'), 'a,b,c,d')
  await until('they go in the end', () => ids(there, 'java') === '')
  await until('and it is fresh', () => there.freshness().fresh)
})
