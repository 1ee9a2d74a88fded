import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualRuntime } from 'dure/runtime'
import type { Span, TelemetrySink } from 'dure/telemetry'
import { before, serving, started } from './gateway.test-support.ts'
import { authenticate, startOperator } from './gateway.ts'
import { type AccessEntry, createAccessLog } from './seen.ts'

const entry: AccessEntry = {
  ...{ time: 1_700_000_000_123, correlationId: 'c', address: '127.0.0.1', consumer: 'Zoë "두레"', method: 'GET', host: 'a' },
  ...{ path: '/a', route: 'r', upstream: '-', status: 200, duration: 1.23456, bytesIn: 1, bytesOut: 2, tries: 1 },
  failure: undefined,
}

test('lines of the access log are gathered, and each is the entry that it was made of', async () => {
  const world = virtualRuntime()
  const given: string[] = []
  const log = createAccessLog(world, (lines, done) => {
    given.push(lines.toString())
    done()
  })
  const durations = [0, 0.0004, 0.9996, 1.23456, 59_999.9999]
  for (const duration of durations) log.write({ ...entry, duration })
  const long = { ...entry, failure: '두'.repeat(40_000) }
  log.write(long)
  assert.equal(given.length, 2)
  log.write(entry)
  assert.equal(given.length, 2)
  await world.advance(250)
  const read = given.flatMap((lines) => lines.trimEnd().split('\n')).map((line) => JSON.parse(line) as AccessEntry)
  assert.deepEqual(
    read.slice(0, durations.length).map(({ duration }) => duration),
    [0, 0, 1, 1.235, 60_000],
  )
  assert.deepEqual(read[5], { ...long, duration: 1.235 })
  const { failure: _, ...shown } = entry
  assert.deepEqual(read[6], { ...shown, duration: 1.235 })
  for (let i = 0; i < 1_000; i++) log.write(entry)
  assert.ok(given.slice(3).every((lines) => lines.endsWith('}\n') && lines.length > 60_000))
})

for (const isTold of [true, false])
  test(`who takes no lines for now gets none, and they are counted, ${isTold ? 'until he says so' : 'and is asked again'}`, async () => {
    const world = virtualRuntime()
    const given: string[] = []
    const log = createAccessLog(world, (lines) => given.push(lines.toString()) !== 1, isTold)
    log.write(entry)
    await world.advance(250)
    log.write(entry)
    log.write(entry)
    assert.deepEqual([given.length, log.dropped()], [1, 2])
    await world.advance(250)
    log.write(entry)
    assert.equal(log.dropped(), isTold ? 3 : 2)
    log.drained()
    log.write(entry)
    log.flush()
    assert.equal(given[1]?.split('\n').length, isTold ? 2 : 3)
  })

test('bytes of lines are not written over before whoever took them says so, and then they are used again', () => {
  const given: { readonly lines: Buffer; readonly done: () => void }[] = []
  const log = createAccessLog(virtualRuntime(), (lines, done) => void given.push({ lines, done }))
  const give = (path: string): { readonly lines: Buffer; readonly done: () => void } => {
    log.write({ ...entry, path })
    log.flush()
    return given.at(-1)!
  }
  const [first, second] = [give('/first'), give('/second')]
  assert.deepEqual([/"path":"([^"]*)"/.exec(first.lines.toString())?.[1], second.lines.includes('/second')], ['/first', true])
  first.done()
  give('/third')
  assert.equal(give('/fourth').lines.buffer, first.lines.buffer)
  assert.ok(second.lines.includes('/second'))
})

const byHeader = authenticate(({ header }) => (header('x-user') === undefined ? undefined : { name: header('x-user')! }), {
  optional: true,
})

test('a gateway by itself tells operators what each route and consumer asked, on an address of their own', async (t) => {
  const server = await serving(t, (request, response) => {
    request.resume().on('end', () => void response.writeHead(request.url === '/bad' ? 500 : 200).end('12345'))
  })
  const { get, metrics, url } = await started(t, { telemetry: {}, routes: before(server.address, { filters: [byHeader] }) })
  const operator = await startOperator({ port: 0, status: () => ({ version: '1' }), metrics })
  t.after(() => operator.stop())
  assert.match(operator.url, /^http:\/\/127\.0\.0\.1:\d+$/)
  const ida = { 'x-user': 'ida' }
  await get('/a', { headers: ida, method: 'PUT', body: '123' })
  await get('/bad', { headers: ida, method: 'POST' })
  await get('/a')
  const text = await (await fetch(`${operator.url}/metrics`)).text()
  const has = (line: string): void => assert.ok(text.includes(`${line}\n`), `${line} is not in\n${text}`)
  has('dure_gateway_requests_total{gateway="gateway",route="one",consumer="ida"} 2')
  has('dure_gateway_errors_total{gateway="gateway",route="one",consumer="ida"} 1')
  has('dure_gateway_requests_total{gateway="gateway",route="one",consumer="-"} 1')
  has('rpc_server_call_duration_seconds_count{rpc_service="gateway",rpc_method="one"} 3')
  assert.deepEqual(await (await fetch(`${operator.url}/status`)).json(), { version: '1' })
  assert.equal((await fetch(`${operator.url}/metrics`, { method: 'POST' })).status, 404)
  // Clients see nothing of it.
  assert.equal(await (await fetch(`${url}/metrics`)).text(), '12345')
})

test('spans say the route and the consumer', async (t) => {
  const spans: Span[] = []
  const sink = (): TelemetrySink => ({
    name: 'test',
    take: (span) => void spans.push(span),
    dropped: () => 0,
    flush: async () => {},
    stop: async () => {},
  })
  const server = await serving(t, (_request, response) => void response.end())
  const { get, stop } = await started(t, {
    routes: before(server.address, { filters: [byHeader] }),
    telemetry: { sampling: 1, exporters: [sink] },
  })
  await get('/a', { headers: { 'x-user': 'ida' } })
  await stop()
  const [span] = spans
  assert.deepEqual(
    [
      span?.name,
      span?.attributes['http.route'],
      span?.attributes['dure.consumer'],
      span?.attributes['http.response.status_code'],
    ],
    ['GET one', 'one', 'ida', 200],
  )
})
