import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyOf, named, serving, started } from '../gateway.test-support.ts'
import { until } from '../bytes.test-support.ts'
import { headers, rewrite, shadow, type ShadowOptions } from '../gateway.ts'

type Asked = {
  readonly method: string
  readonly url: string
  readonly body: string
  readonly mark: string
  readonly chunked: boolean
}

async function shadowed(
  t: Parameters<typeof named>[0],
  next: { readonly address: string },
  { options = {}, idempotent }: { readonly options?: Partial<ShadowOptions>; readonly idempotent?: boolean } = {},
) {
  const server = await serving(t, (request, response) => void bodyOf(request).then((body) => response.end(`real ${body}`)))
  const route = {
    ...{ prefix: '/', to: 'server' },
    ...(idempotent !== undefined && { idempotent }),
    filters: [headers({ request: { 'x-own': 'put in' } }), rewrite({ without: '/api' }), shadow({ to: 'next', ...options })],
  }
  const upstreams = { server: { addresses: [server.address] }, next: { addresses: [next.address] } }
  const made = await started(t, {
    telemetry: {},
    routes: { routes: { all: route }, upstreams },
    limits: { replay: 1_000 },
  })
  const counted = async (): Promise<Readonly<Record<string, number>>> => {
    const text = await made.metrics()
    const found = text.matchAll(/^dure_gateway_shadow_total\{gateway="gateway",to="next",how="(\w+)"\} (\d+)$/gm)
    return Object.fromEntries(Array.from(found, ([, how = '', count]) => [how, Number(count)]))
  }
  return { ...made, counted }
}

/** One that notes what it is asked. */
async function noting(t: Parameters<typeof named>[0]) {
  const asked: Asked[] = []
  const server = await serving(t, (request, response) => {
    void bodyOf(request).then((body) => {
      const { method = '', url = '', headers: sent } = request
      asked.push({
        method,
        url,
        body,
        mark: `${sent['x-own']} ${sent['x-shadow-request']}`,
        chunked: sent['transfer-encoding'] !== undefined,
      })
      response.writeHead(500).end('shadow')
    })
  })
  return { ...server, asked }
}

test('a copy of what may be sent again goes to another upstream, as it was passed on; nobody sees its answer', async (t) => {
  const next = await noting(t)
  const { get, url, counted } = await shadowed(t, next)
  assert.equal((await get('/api/a?b')).text, 'real ')
  assert.equal((await get('/api/a', { method: 'PUT', body: 'hello' })).text, 'real hello')
  const stream = new ReadableStream({
    start: (controller) => {
      for (const part of ['one ', 'two']) controller.enqueue(Buffer.from(part))
      controller.close()
    },
  })
  const chunked = await fetch(`${url}/api/c`, { method: 'PUT', body: stream, duplex: 'half' } as RequestInit)
  assert.equal(await chunked.text(), 'real one two')
  assert.equal((await get('/api/post', { method: 'POST', body: 'x' })).text, 'real x')
  assert.equal((await get('/api/long', { method: 'PUT', body: 'x'.repeat(2_000) })).text.length, 2_005)
  await until(() => next.asked.length === 3)
  const mark = 'put in true'
  assert.deepEqual(next.asked, [
    { method: 'GET', url: '/a?b', body: '', mark, chunked: false },
    { method: 'PUT', url: '/a', body: 'hello', mark, chunked: false },
    { method: 'PUT', url: '/c', body: 'one two', mark, chunked: true },
  ])
  await untilCounted(counted, { 500: 3, skipped: 1 })
})

test('a share of them is copied, and of a route that says so also what its method does not promise', async (t) => {
  const next = await noting(t)
  const { get } = await shadowed(t, next, { options: { share: 0.25 }, idempotent: true })
  for (let i = 0; i < 200; i++) await get('/', { method: 'POST', body: 'x' })
  await until(() => next.asked.length > 10)
  assert.ok(next.asked.length < 100, `${next.asked.length} of 200`)
})

test('a shadow that is frozen, slow or gone costs nobody anything, and is bounded', async (t) => {
  const frozen = await serving(t, () => {})
  const { get, counted, stop } = await shadowed(t, frozen, { options: { atOnce: 3, timeout: 60_000 } })
  for (let i = 0; i < 10; i++) assert.equal((await get('/')).text, 'real ')
  await untilCounted(counted, { skipped: 7 })
  await stop({ timeout: 0 })

  const late = await shadowed(t, frozen, { options: { timeout: 20 } })
  assert.equal((await late.get('/')).text, 'real ')
  await untilCounted(late.counted, { late: 1 })

  const gone = await shadowed(t, { address: '127.0.0.1:1' })
  assert.equal((await gone.get('/')).text, 'real ')
  await untilCounted(gone.counted, { failed: 1 })
})

test('its upstream must be one, and its numbers numbers', async (t) => {
  const server = await named(t, 'one')
  const routes = { all: { prefix: '/', to: 'one', filters: [shadow({ to: 'nowhere' })] } }
  await assert.rejects(
    started(t, { routes: { routes, upstreams: { one: { addresses: [server.address] } } } }),
    /Route "all": there is no upstream "nowhere"/,
  )
  assert.throws(() => shadow({ to: 'a', share: 2 }), /Cannot shadow requests/)
})

async function untilCounted(
  counted: () => Promise<Readonly<Record<string, number>>>,
  expected: Readonly<Record<string, number>>,
): Promise<void> {
  let found: Readonly<Record<string, number>> = {}
  await until(() => {
    void counted().then((now) => (found = now))
    return JSON.stringify(found) === JSON.stringify(expected)
  })
}
