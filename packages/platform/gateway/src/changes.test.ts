import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retry } from 'dure/resilience'
import { silentLogger } from 'dure/telemetry'
import { until } from './bytes.test-support.ts'
import { named, started } from './gateway.test-support.ts'
import { liveRoutes, startGateway } from './gateway.ts'

test('routes change whole or not at all, while requests go on', async (t) => {
  const [one, two] = [await named(t, 'one'), await named(t, 'two')]
  const upstreams = { one: { addresses: [one.address] }, two: { addresses: [two.address] } }
  const routes = liveRoutes({ routes: { a: { prefix: '/a', to: 'one' } }, upstreams })
  const { get } = await started(t, { routes })
  assert.equal((await get('/a')).text, 'one GET /a')
  const wrong = {
    ...{
      b: { prefix: '/b', to: 'one' },
      c: { prefix: '/b', to: 'two' },
      d: { path: 'd', to: [] },
      e: { prefix: '/e', to: 'nobody' },
    },
    ...{
      f: { prefix: '/f', to: 'one', guard: retry() },
      g: { prefix: '/g', host: 'A.b:80', to: 'one', methods: ['BREW'], timeout: -1 },
    },
  }
  assert.throws(
    () => routes.set({ routes: wrong, upstreams }),
    (error: { problems: readonly string[] }) => {
      for (const part of [
        '"c": it asks for the same as route "b"',
        '"d": its path "d"',
        '"d": it goes nowhere',
        '"f": its guard has retry',
        '"g": its host',
        '"BREW"',
        '"timeout"',
      ])
        assert.ok(
          error.problems.some((each) => each.includes(part)),
          part,
        )
      return true
    },
  )
  assert.throws(() => routes.set({ routes: { e: wrong.e }, upstreams }), /no upstream "nobody", and no registry/)
  assert.throws(
    () =>
      routes.set({
        routes: Object.fromEntries(Array.from({ length: 100_001 }, (_, i) => [`r${i}`, { path: `/${i}`, to: 'one' }])),
        upstreams,
      }),
    /100001 routes/,
  )
  // What a file may hold.
  for (const given of [
    undefined,
    null,
    [],
    {},
    { routes: [] },
    { routes: { a: null } },
    { routes: { a: { to: 7 } } },
    { routes: {}, upstreams: 7 },
  ])
    assert.throws(() => routes.set(given as never), /^SystemError: Cannot use the routes/)
  for (const field of ['host', 'methods', 'headers', 'filters', 'guard', 'colour'])
    assert.throws(
      () => routes.set({ routes: { a: { prefix: '/', to: 'one', [field]: 7 } }, upstreams }),
      new RegExp(`"${field}"`),
    )
  assert.equal((await get('/a')).text, 'one GET /a')
  assert.equal((await get('/b')).status, 404)
  routes.set({ routes: { a: { prefix: '/a', to: 'two' }, b: wrong.b }, upstreams })
  assert.deepEqual([(await get('/a')).text, (await get('/b')).text], ['two GET /a', 'one GET /b'])
  routes.set({ routes: { a: { prefix: '/a', to: 'two' } }, upstreams })
  assert.equal((await get('/b')).status, 404)
  const held = routes.current()
  routes.setRoute('b', wrong.b)
  assert.equal((await get('/b')).text, 'one GET /b')
  assert.deepEqual([Object.keys(held.routes), Object.keys(routes.current().routes)], [['a'], ['a', 'b']])
  routes.setRoute('b', { prefix: '/b', to: 'two' })
  // A service, and no registry that could know it: the gateway refuses it.
  assert.throws(() => routes.setRoute('b', { prefix: '/b', to: 'nobody' }), /no registry/)
  assert.equal((await get('/b')).text, 'two GET /b')
  assert.deepEqual(routes.current().routes['b'], { prefix: '/b', to: 'two' })
  routes.setRoute('b', undefined)
  routes.setRoute('a', { prefix: '/a', to: 'one' })
  assert.throws(() => routes.setRoute('z', { prefix: '/a', to: 'two' }), /the same as route "a"/)
  assert.deepEqual([(await get('/a')).text, (await get('/b')).status], ['one GET /a', 404])
})

test('under load routes change, instances come and go, and a gateway ends: nobody gets an error', async (t) => {
  const servers = await Promise.all(['one', 'two'].map((name) => named(t, name)))
  const upstreams = (i: number) => ({
    server: { addresses: i % 3 === 0 ? servers.map(({ address }) => address) : [servers[i % 2]!.address] },
  })
  const routes = liveRoutes({ routes: { a: { prefix: '/', to: 'server' } }, upstreams: upstreams(0) })
  const { get, stop } = await started(t, { routes })
  let [done, over] = [0, false]
  const work = async (): Promise<void> => {
    while (!over) {
      assert.equal((await get(`/a/${done}`, { method: done % 2 === 0 ? 'GET' : 'POST' })).status, 200)
      done++
    }
  }
  const workers = Array.from({ length: 8 }, work)
  for (let i = 0; i < 30; i++) {
    routes.set({ routes: { a: { prefix: '/', to: 'server', timeout: 10_000 + i } }, upstreams: upstreams(i) })
    const was = done
    await until(() => done > was + 3)
  }
  over = true
  await Promise.all(workers)
  await stop()
  assert.ok(done > 90)
})

test('a change of one route copies none of the others while a gateway follows them', async (t) => {
  const routes = liveRoutes({
    routes: { a: { prefix: '/a', to: 'one' } },
    upstreams: { one: { addresses: ['127.0.0.1:9'] } },
  })
  const gateway = await startGateway({ port: 0, log: silentLogger(), routes })
  t.after(() => gateway.stop())
  const told: object[] = []
  routes.watch((next) => void told.push(next.routes))
  for (const timeout of [1_000, 2_000, 3_000]) routes.setRoute('a', { prefix: '/a', to: 'one', timeout })
  assert.deepEqual([told[1] === told[0], told[2] === told[0]], [true, true])
})
