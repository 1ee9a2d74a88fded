import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { breaker, bulkhead } from 'dure/resilience'
import { until } from './bytes.test-support.ts'
import { before, named, serving, started } from './gateway.test-support.ts'

test('an instance that fails is left out, requests that may be repeated do not notice, and it comes back', async (t) => {
  let failing = true
  const bad = await serving(t, (_request, response) => void response.writeHead(failing ? 503 : 200).end('bad'))
  const good = await named(t, 'good')
  const { get, lines } = await started(t, {
    routes: {
      routes: { one: { prefix: '/', to: 'both' } },
      upstreams: { both: { addresses: [bad.address, good.address], ejection: { failures: 3, first: 50, max: 50 } } },
    },
  })
  for (let i = 0; i < 60; i++) assert.equal((await get('/a')).status, 200)
  await until(() => lines.length === 60)
  const tried = lines.filter(({ tries }) => tries === 2).length
  assert.ok(tried >= 3 && tried < 30, `${tried} were tried twice`)
  failing = false
  let came = false
  await untilAsync(async () => (came = (await get('/a')).text === 'bad'))
  assert.ok(came)
})

test('what an instance that stands still does not begin to answer is asked of another one, and of a slow one alone it is waited for', async (t) => {
  const held: (() => void)[] = []
  let stands = true
  const frozen = await serving(t, (_request, response) => {
    const answer = (): void => void response.end('late')
    if (stands) held.push(answer)
    else answer()
  })
  const good = await named(t, 'good')
  const two = { addresses: [frozen.address, good.address], ejection: { failures: 1_000, stalls: 1_000 } }
  const upstreams = {
    ...{ both: two, others: two },
    alone: { addresses: [frozen.address] },
  }
  const asks = { timeout: 20_000, attemptTimeout: 50 }
  const routes = {
    both: { prefix: '/both', to: 'both', ...asks },
    once: { prefix: '/once', to: 'both', ...asks, attempts: 1 },
    alone: { prefix: '/alone', to: 'alone', ...asks },
    others: { prefix: '/others', to: 'others', ...asks },
  }
  const { get, lines } = await started(t, { routes: { routes, upstreams } })
  for (let i = 0; i < 10; i++) assert.match((await get('/both')).text, /^good/)
  const bodies = Array.from({ length: 10 }, () => get('/both', { method: 'PUT', body: 'hello' }))
  for (const { text } of await Promise.all(bodies)) assert.match(text, /^good PUT/)
  await until(() => lines.length === 20)
  assert.ok(lines.some(({ tries, status }) => tries === 2 && status === 200))
  // What may not be sent twice, and what nobody else could answer, has all of its time.
  held.length = 0
  const posts = Array.from({ length: 20 }, () => get('/both', { method: 'POST' }))
  const waiting = [get('/alone'), get('/once'), get('/once'), ...posts]
  await until(() => held.length >= 2)
  // Whoever came later has been sent again: the time of those has passed as well.
  const { length } = lines
  while (!lines.slice(length).some(({ tries }) => tries === 2)) await get('/others')
  stands = false
  for (const go of held) go()
  for (const { status } of await Promise.all(waiting)) assert.equal(status, 200)
  await until(() => lines.filter(({ method }) => method === 'POST').length === 20)
  const once = lines.slice(20).filter(({ method, route }) => method === 'POST' || route === 'once' || route === 'alone')
  assert.ok(once.every(({ tries }) => tries === 1))
})

test('what has failed a request is not asked for it again while there is another one', async (t) => {
  const failing = await serving(t, (_request, response) => void response.writeHead(503).end())
  const well = await named(t, 'well')
  const gone = await serving(t, () => {})
  await new Promise((resolve) => gone.server.close(resolve))
  const addresses = [failing.address, gone.address, well.address]
  // Nobody is left out, and nobody's tries are too many.
  const server = { addresses, ejection: { failures: 10_000 }, budget: { minimumPerSecond: 10_000 } }
  const { get } = await started(t, {
    routes: { routes: { all: { prefix: '/', to: 'server', attempts: 3 } }, upstreams: { server } },
  })
  for (let i = 0; i < 40; i++) assert.equal((await get('/')).text, 'well GET /')
})

test('an instance that takes no connection costs nobody an answer, though it cannot be left out and the budget is spent', async (t) => {
  const good = await named(t, 'good')
  const upstreams = {
    both: {
      // Port 1 is nobody's.
      addresses: ['127.0.0.1:1', good.address],
      ...{ ejection: { failures: 10_000 }, budget: { ratio: 0, minimumPerSecond: 0 } },
    },
  }
  const { get, lines } = await started(t, { routes: { routes: { all: { prefix: '/', to: 'both' } }, upstreams } })
  for (let i = 0; i < 40; i++) assert.equal((await get('/a', { method: i % 2 === 0 ? 'GET' : 'POST' })).status, 200)
  await until(() => lines.length === 40)
  assert.ok(lines.some(({ tries }) => tries === 2))
})

test('what may not be repeated is sent once, unless its route says that it may', async (t) => {
  let asked = 0
  const server = await serving(t, (_request, response) => void response.writeHead(++asked % 2 === 1 ? 503 : 200).end())
  const once = await started(t, { routes: before(server.address) })
  assert.equal((await once.get('/a', { method: 'POST' })).status, 503)
  assert.equal(asked, 1)
  asked = 0
  const twice = await started(t, { routes: before(server.address, { idempotent: true }) })
  assert.equal((await twice.get('/a', { method: 'POST', body: 'hello' })).status, 200)
  assert.equal(asked, 2)
})

async function untilAsync(is: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 2_000 && !(await is()); i++);
}

test('guards of dure/resilience stand around a route', async (t) => {
  let asked = 0
  const held: (() => void)[] = []
  const server = await serving(t, (request, response) => {
    asked++
    if (request.url === '/held') held.push(() => response.end('late'))
    else response.writeHead(500).end()
  })
  const guard = breaker({ name: 'server', window: { calls: 10 }, minimumCalls: 5 })
  const places = bulkhead({ concurrency: 1, queue: 1, wait: 5_000 })
  const { get } = await started(t, {
    routes: {
      routes: { one: { prefix: '/', to: 'server', guard }, two: { path: '/held', to: 'server', guard: places } },
      upstreams: { server: { addresses: [server.address] } },
    },
  })
  for (let i = 0; i < 5; i++) assert.equal((await get('/a')).status, 500)
  const refused = await get('/a')
  assert.equal(refused.status, 503)
  assert.match(refused.text, /its breaker is open/)
  assert.equal(asked, 5)
  // One is inside, one waits, one is refused.
  const two = [get('/held'), get('/held')]
  await until(() => places.waiting() === 1)
  assert.equal((await get('/held')).status, 429)
  for (const i of [0, 1]) {
    await until(() => held.length > i)
    held[i]!()
  }
  assert.deepEqual(
    (await Promise.all(two)).map(({ text }) => text),
    ['late', 'late'],
  )
})

test('whoever goes away while a guard has it wait frees its place', async (t) => {
  const held: (() => void)[] = []
  const server = await serving(t, (_request, response) => held.push(() => response.end('late')))
  const places = bulkhead({ concurrency: 1, queue: 1, wait: 10_000 })
  const { get, lines } = await started(t, { routes: before(server.address, { guard: places }) })
  const first = get('/a')
  await until(() => held.length === 1)
  const gone = new AbortController()
  const second = get('/a', { signal: gone.signal }).catch(() => 'gone')
  await until(() => places.waiting() === 1)
  gone.abort()
  assert.equal(await second, 'gone')
  await until(() => lines.some(({ status }) => status === 499))
  assert.equal(places.waiting(), 1)
  held[0]!()
  assert.equal((await first).text, 'late')
  await until(() => places.inside() === 0 && places.waiting() === 0)
  const third = get('/a')
  await until(() => held.length === 2)
  held[1]!()
  assert.equal((await third).text, 'late')
})

const PROGRAM = fileURLToPath(import.meta.resolve('./copy.child.test-support.ts'))

type Copy = { readonly child: ChildProcess; readonly port: number }

async function copy(t: TestContext, port = 0): Promise<Copy> {
  const child = fork(PROGRAM, [String(port)], { execArgv: [] })
  t.after(() => void child.kill('SIGKILL'))
  const [listening] = (await once(child, 'message')) as [number]
  return { child, port: listening }
}

/** Milliseconds that a request has, and of it those that one copy has. */
const [DEADLINE, ATTEMPT] = [20_000, 300]

test('copies are killed and frozen under load: nothing that may be repeated fails, nor waits for one that stands still', async (t) => {
  const copies = await Promise.all(Array.from({ length: 3 }, () => copy(t)))
  const { url, lines } = await started(t, {
    routes: {
      routes: { all: { prefix: '/', to: 'copies', timeout: DEADLINE, attemptTimeout: ATTEMPT, attempts: 3 } },
      upstreams: { copies: { addresses: copies.map(({ port }) => `127.0.0.1:${port}`), ejection: { first: 100, max: 200 } } },
    },
  })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const ask = (method: string, agents: Agent | false): Promise<number> =>
    new Promise((resolve, reject) => {
      const asked = request(url, { method, agent: agents }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode!))
        answer.once('error', reject)
      })
      asked.once('error', reject).end(method === 'PUT' ? 'hello' : undefined)
    })
  let [over, done] = [false, 0]
  const load = Array.from({ length: 12 }, async (_, i) => {
    while (!over) {
      assert.equal(await ask(i % 3 === 0 ? 'PUT' : 'GET', i % 2 === 0 && agent), 200)
      done++
    }
  })
  const more = async (count: number): Promise<void> => {
    const before = done
    await until(() => done > before + count)
  }
  await more(100)
  const [first, second] = copies as [Copy, Copy]
  first.child.kill('SIGKILL')
  await more(300)
  // Another one at its place.
  await copy(t, first.port)
  const answered = (port: number): number => lines.filter(({ upstream }) => upstream === `127.0.0.1:${port}`).length
  const before = answered(first.port)
  await until(() => answered(first.port) > before + 20)
  second.child.kill('SIGSTOP')
  await until(() => lines.some(({ tries, duration, status }) => tries > 1 && duration >= ATTEMPT && status === 200))
  await more(300)
  second.child.kill('SIGCONT')
  const frozen = answered(second.port)
  await until(() => answered(second.port) > frozen + 20)
  over = true
  await Promise.all(load)
  // A try at one that stands still, and one more.
  const longest = Math.max(...lines.map(({ duration }) => duration))
  assert.ok(longest < DEADLINE / 2, `${longest} ms`)
})
