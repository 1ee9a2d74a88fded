import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { httpService, rest } from '@dure/rest'
import { type CallError, DeclaredError } from 'dure/contract'
import { wireOf } from 'dure/contract/internal'
import { service, type Running } from 'dure/service'
import { soapHandlers, type SoapHandlersOptions } from './handlers.ts'
import { asker, at, Every, EVERYTHING, Orders, orders, shop, started, Watched } from './shop.test-support.ts'
import { soap } from './soap.ts'

/** Orders as a SOAP service of somebody's, and a system before it that has them by its handlers. */
async function translated(t: TestContext, options: Partial<SoapHandlersOptions> = {}) {
  const theirs = await shop(t)
  const own = service(Orders, { handlers: soapHandlers(Orders, { address: `${theirs.url}/orders`, ...options }) })
  const running = await started(t, 'before', { services: [own], doors: [rest({ port: 0 })], security: 'off' })
  return { theirs, running, url: running.doors[0]!.url! }
}

const failureOf = (work: Promise<unknown>): Promise<CallError | DeclaredError> =>
  work.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error as CallError | DeclaredError,
  )

for (const version of ['1.1', '1.2'] as const)
  test(`REST before a SOAP ${version} service: values, errors, deadlines and what goes along`, async (t) => {
    const { running, url, theirs } = await translated(t, { version })
    const post = (path: string, body: unknown, headers = {}) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      })
    const wire = wireOf(Every, 'input')
    const json = JSON.stringify(wire.toJson(EVERYTHING))
    const echoed = await fetch(`${url}/echo`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: json })
    assert.deepEqual(wire.fromJson(await echoed.json()), EVERYTHING)
    assert.deepEqual(await (await fetch(`${url}/orders`)).json(), [{ id: 'a' }, { id: 'b' }])

    const sold = await fetch(`${url}/fail/sold%20out`)
    const { code, data, detail } = (await sold.json()) as Record<string, unknown>
    assert.deepEqual(
      [sold.status, code, data, detail],
      [409, 'SOLD_OUT', { left: 2, until: '2026-12-01T00:00:00.000Z' }, '2 are left'],
    )
    assert.equal(((await (await fetch(`${url}/fail/closed`)).json()) as { code: string }).code, 'CLOSED')
    const broken = await fetch(`${url}/fail/broken`)
    assert.deepEqual([broken.status, (await broken.text()).includes('1234')], [500, false])
    const slow = await fetch(`${url}/fail/slow`, { headers: { 'request-timeout': '0.1' } })
    assert.equal(slow.status, 504)
    const carried = await fetch(`${url}/metadata`, { headers: { baggage: 'tenant=seoul' } })
    assert.deepEqual(await carried.json(), { tenant: 'seoul' })
    assert.equal((await post('/forget', 'x')).status, 204)

    // As a need of a service would see it.
    const client = running.client(Orders)
    const thrown = await failureOf(client.fail({ how: 'sold out' }))
    assert.ok(thrown instanceof DeclaredError)
    assert.deepEqual(thrown.data, { left: 2, until: new Date('2026-12-01T00:00:00Z') })
    const unspeakable = await failureOf(client.forget('\u0000'))
    assert.equal(unspeakable.code, 'INVALID_ARGUMENT')
    await theirs.running.stop()
    assert.equal((await failureOf(client.all())).code, 'UNAVAILABLE')
  })

test('SOAP before a REST service: its answers and errors come as SOAP has them', async (t) => {
  const theirs = await started(t, 'theirs', { services: [orders()], doors: [rest({ port: 0 })], security: 'off' })
  const external = [httpService(Orders, { url: theirs.doors[0]!.url! })]
  const watched = service(Watched, {
    handlers: {
      watch: async function* () {
        yield 1
      },
      now: () => new Date(0),
    },
  })
  const doors = [soap({ port: 0, contracts: [Orders] })]
  const before = await started(t, 'before', { services: [watched], external, doors, security: 'off' })
  const ask = asker(`${before.doors[0]!.url!}/orders`)
  const all = await ask('<all xmlns="urn:dure:orders:1"/>')
  assert.match(all.text, /<result><item><id>a<\/id><\/item><item><id>b<\/id><\/item><\/result>/)
  const sold = await ask('<fail xmlns="urn:dure:orders:1"><how>sold out</how></fail>')
  assert.equal(at(sold.content, 'detail', 'SoldOutFault', 'data', 'left'), '2')
})

test('what others answer that is none: by their status, or as a break of the contract', async (t) => {
  const reply = { status: 200, type: 'text/xml', body: '' }
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(reply.status, { 'content-type': reply.type }).end(reply.body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x?y=1`
  const own = service(Orders, { handlers: soapHandlers(Orders, { address, answer: 2_000 }) })
  const running: Running = await started(t, 'before', { services: [own], security: 'off' })
  const client = running.client(Orders)
  const enveloped = (content: string): string =>
    `<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body>${content}</e:Body></e:Envelope>`
  const fault = (code: string): string =>
    enveloped(
      `<e:Fault><e:Code><e:Value>e:${code}</e:Value></e:Code><e:Reason><e:Text>No such thing</e:Text></e:Reason></e:Fault>`,
    )
  const cases: readonly (readonly [status: number, body: string, code: string, words: RegExp, type?: string])[] = [
    [503, 'busy', 'UNAVAILABLE', /answered with 503/, 'text/html'],
    [401, '', 'UNAUTHENTICATED', /answered with 401/],
    [302, '', 'UNKNOWN', /answered with 302/, 'text/html'],
    [200, '<a', 'INTERNAL', /./],
    [200, enveloped('<other/>'), 'INTERNAL', /./],
    [
      200,
      enveloped('<allResponse xmlns="urn:dure:orders:1"><result><item><colour/></item></result></allResponse>'),
      'INTERNAL',
      /./,
    ],
    [200, enveloped('x'.repeat(3_000)), 'INTERNAL', /./],
    [400, fault('Sender'), 'INVALID_ARGUMENT', /No such thing/, 'application/soap+xml'],
    [500, fault('Receiver'), 'UNKNOWN', /./, 'application/soap+xml'],
  ]
  for (const [status, body, code, words, type = 'text/xml'] of cases) {
    Object.assign(reply, { status, body, type })
    const error = await failureOf(client.all())
    assert.equal(error.code, code, `${status} ${body.slice(0, 100)}: ${error.message}`)
    assert.match(error.message, words)
  }
  Object.assign(reply, {
    status: 200,
    type: 'text/xml',
    body: enveloped('<allResponse xmlns="urn:dure:orders:1"><result/></allResponse>'),
  })
  assert.deepEqual(await client.all(), [])
})

test('what cannot be called as SOAP is refused at once', () => {
  assert.throws(() => soapHandlers(Watched, { address: 'http://x.example' }), /watch answer more than once, which SOAP does not/)
  assert.throws(() => soapHandlers(Orders, { address: 'ftp://x' }), /Cannot use the url of the SOAP service "orders"/)
})
