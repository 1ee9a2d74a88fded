import assert from 'node:assert/strict'
import { test } from 'node:test'
import { breaker, bulkhead } from 'dure/resilience'
import { until } from './bytes.test-support.ts'
import { before, named, serving, started, startedInVirtualTime } from './gateway.test-support.ts'

test('an instance that fails is left out, requests that may be repeated do not notice, and it comes back', async (t) => {
  let failing = true
  const bad = await serving(t, (_request, response) => void response.writeHead(failing ? 503 : 200).end('bad'))
  const good = await named(t, 'good')
  const out = (ms: number) => ({ addresses: [bad.address, good.address], ejection: { failures: 3, first: ms, max: ms } })
  const { get, lines } = await started(t, {
    routes: {
      routes: { hour: { prefix: '/hour', to: 'hour' }, moment: { prefix: '/moment', to: 'moment' } },
      upstreams: { hour: out(3_600_000), moment: out(1) },
    },
  })
  for (let i = 0; i < 60; i++) assert.equal((await get('/hour')).status, 200)
  await until(() => lines.length === 60)
  assert.equal(lines.filter(({ tries }) => tries === 2).length, 3)
  while (!lines.some(({ route, tries }) => route === 'moment' && tries === 2)) assert.equal((await get('/moment')).status, 200)
  failing = false
  while ((await get('/moment')).text !== 'bad');
})

test('what an instance that stands still does not begin to answer is asked of another one, and of a slow one alone it is waited for', async (t) => {
  const held: (() => void)[] = []
  let heard = Promise.withResolvers<void>()
  const frozen = await serving(t, (_request, response) => {
    held.push(() => response.end('late'))
    heard.resolve()
  })
  const good = await named(t, 'good')
  // Each has them as upstreams of its own: who has been late once is asked for less.
  const two = { addresses: [frozen.address, good.address], ejection: { failures: 1_000, stalls: 1_000 } }
  const route = (name: string) => ({ prefix: `/${name}`, to: name, timeout: 20_000, attemptTimeout: 50 })
  const { get, lines, advance } = await startedInVirtualTime(t, {
    routes: {
      ...{ get: route('get'), put: route('put'), post: route('post') },
      ...{ once: { ...route('once'), attempts: 1 }, alone: route('alone') },
    },
    upstreams: { get: two, put: two, post: two, once: two, alone: { addresses: [frozen.address] } },
  })
  /** Asks until the one that stands still has a request; the answers of the other one take no time. */
  const holding = async (path: string, init: RequestInit = {}) => {
    for (;;) {
      heard = Promise.withResolvers()
      const answer = get(path, init)
      if ((await Promise.race([answer, heard.promise])) === undefined) return { answer }
    }
  }
  for (const [path, init] of [['/get'], ['/put', { method: 'PUT', body: 'hello' }]] as const) {
    const { answer } = await holding(path, init)
    await advance(100)
    assert.match((await answer).text, /^good/)
  }
  // What may not be sent twice, and what nobody else could answer, has all of its time.
  const waiting = [await holding('/post', { method: 'POST' }), await holding('/once'), await holding('/alone')]
  await advance(10_000)
  for (const go of held) go()
  for (const { answer } of waiting) assert.equal((await answer).text, 'late')
  await advance(200)
  const slow = lines.filter(({ duration }) => duration >= 50)
  assert.deepEqual(slow.map(({ route, tries }) => `${route} ${tries}`).toSorted(), [
    'alone 1',
    'get 2',
    'once 1',
    'post 1',
    'put 2',
  ])
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
