import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Span, TelemetrySink } from 'dure/telemetry'
import { before, serving, started } from './gateway.test-support.ts'
import { authenticate, startOperator } from './gateway.ts'

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
