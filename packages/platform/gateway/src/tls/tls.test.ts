import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect as connectPlain, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createLogger } from 'dure/telemetry'
import { realRuntime } from 'dure/runtime'
import { before, named, serving, started } from '../gateway.test-support.ts'
import { until } from '../bytes.test-support.ts'
import { liveRoutes, startGateway, type TlsOptions, type UpstreamOptions } from '../gateway.ts'
import { ask, maker, shake, shownFor, skip } from '../tls.test-support.ts'

const lines = () => {
  const said: string[] = []
  return { said, log: createLogger({ clock: realRuntime().clock, write: (line) => void said.push(line), fields: {} }) }
}

test('the certificate is that of the name that is asked for: its own, a wildcard, else the first', { skip }, async (t) => {
  const { make } = maker(t)
  const server = await named(t, 'one')
  const certificates = [make('first'), make('shop', 'shop.example', '*.shop.example'), { ...make('api'), names: ['API.example'] }]
  const { url } = await started(t, { routes: before(server.address), tls: { certificates } })
  assert.match(url, /^https:/)
  assert.equal(await shownFor(t, url), 'first')
  assert.equal(await shownFor(t, url, 'nobody.example'), 'first')
  assert.equal(await shownFor(t, url, 'shop.example'), 'shop')
  assert.equal(await shownFor(t, url, 'WWW.shop.example'), 'shop')
  assert.equal(await shownFor(t, url, 'a.www.shop.example'), 'first')
  assert.equal(await shownFor(t, url, 'api.example'), 'api')
})

test('a name that no certificate is for is refused where that is asked for', { skip }, async (t) => {
  const { make } = maker(t)
  const server = await named(t, 'one')
  const tls = { certificates: [make('shop', 'shop.example')], strict: true }
  const { url } = await started(t, { routes: before(server.address), tls })
  assert.equal(await shownFor(t, url, 'shop.example'), 'shop')
  await assert.rejects(shownFor(t, url, 'other.example'))
})

test('requests over TLS go the same ways, and services are told that they came by it', { skip }, async (t) => {
  const { make } = maker(t)
  const own = make('gateway', '127.0.0.1')
  const server = await serving(t, ({ headers }, response) => void response.end(JSON.stringify(headers)))
  const { url, lines: seen } = await started(t, { routes: before(server.address), tls: { certificates: [own] } })
  const { status, text } = await ask(`${url}/a`, { ca: own.certificate })
  assert.equal(status, 200)
  const headers = JSON.parse(text) as Record<string, string>
  assert.equal(headers['x-forwarded-proto'], 'https')
  assert.match(headers['forwarded']!, /proto=https/)
  assert.match(headers['via']!, /^1\.1 /)
  await until(() => seen.length === 1)
  assert.deepEqual([seen[0]!.status, seen[0]!.path, seen[0]!.route], [200, '/a', 'one'])
})

test('certificates of files are read again: new handshakes get the new ones, and connections stay', { skip }, async (t) => {
  const { make } = maker(t)
  const [old, next] = [make('old', '127.0.0.1'), make('next', '127.0.0.1')]
  const server = await named(t, 'one')
  const { said, log } = lines()
  const { certificateFile, keyFile } = old
  const started = await startGateway({
    ...{ port: 0, log, routes: before(server.address) },
    tls: { certificates: [{ certificateFile, keyFile }], reload: 20, http2: false },
  })
  t.after(() => started.stop({ timeout: 0 }))
  const connection = await shake(t, started.url)
  const askAgain = async (): Promise<string> => {
    connection.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
    const [bytes] = (await once(connection, 'data')) as [Buffer]
    return bytes.toString('latin1')
  }
  assert.match(await askAgain(), /^HTTP\/1.1 200/)

  // Half of the change: its key is still the old one.
  writeFileSync(certificateFile, next.certificate)
  await until(() => said.some((line) => line.includes('has a key that does not belong to it')))
  assert.equal(await shownFor(t, started.url), 'old')
  writeFileSync(certificateFile, 'nonsense')
  await until(() => said.some((line) => line.includes('cannot be used')))
  assert.equal(await shownFor(t, started.url), 'old')
  assert.equal(said.filter((line) => line.includes('are not taken')).length, 2)

  writeFileSync(certificateFile, next.certificate)
  writeFileSync(keyFile, next.key)
  await until(() => said.some((line) => line.includes('The certificates have changed')))
  assert.equal(await shownFor(t, started.url), 'next')
  assert.match(await askAgain(), /^HTTP\/1.1 200/)
})

test(
  'certificates that change by value are taken whole or not at all; what cannot be used keeps a gateway from starting',
  { skip },
  async (t) => {
    const { make } = maker(t)
    const [one, two] = [make('one', 'a.example'), make('two')]
    const server = await named(t, 'one')
    const routes = liveRoutes({ ...before(server.address), tls: { certificates: [one] } })
    const { url } = await started(t, { routes })
    const set = (next: TlsOptions | undefined, address = server.address): void => {
      routes.set({ ...before(address), ...(next !== undefined && { tls: next }) })
    }
    assert.equal(await shownFor(t, url), 'one')
    assert.throws(() => set({ certificates: [one, { certificate: two.certificate, key: one.key }] }), /does not belong to it/)
    assert.throws(() => set({ certificates: [one, two] }), /number 2 names no host/)
    // Its routes are wrong, so that its certificates do not count either.
    assert.throws(() => set({ certificates: [two] }, 'nowhere'), /its address "nowhere" is none/)
    assert.throws(() => set(undefined), /TLS cannot come or go/)
    assert.equal(await shownFor(t, url), 'one')
    set({ certificates: [two, one] })
    assert.equal(await shownFor(t, url), 'two')
    assert.equal(await shownFor(t, url, 'a.example'), 'one')
    const start = (certificates: readonly [] | readonly [{ certificateFile: string; keyFile: string }]) =>
      startGateway({ port: 0, routes: before(server.address), tls: { certificates } })
    await assert.rejects(start([]), /Cannot use the certificates: There is none/)
    await assert.rejects(
      start([{ certificateFile: '/nowhere.crt', keyFile: '/nowhere.key' }]),
      /The file "\/nowhere.crt" cannot be read/,
    )
  },
)

test('versions before TLS 1.2, renegotiation and plain text are refused', { skip }, async (t) => {
  const { make } = maker(t)
  const server = await named(t, 'one')
  const { url } = await started(t, { routes: before(server.address), tls: { certificates: [make('one')] } })
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const
  await assert.rejects(shake(t, url, old))
  const socket = await shake(t, url, { maxVersion: 'TLSv1.2' })
  assert.equal(socket.getProtocol(), 'TLSv1.2')
  const refused = await new Promise((resolve) => {
    socket.on('error', resolve)
    socket.on('close', () => resolve('closed'))
    socket.renegotiate({}, resolve)
  })
  assert.ok(refused)
  assert.equal((await shake(t, url)).getProtocol(), 'TLSv1.3')

  const plain = connectPlain({ port: Number(new URL(url).port), host: '127.0.0.1' })
  t.after(() => void plain.destroy())
  plain.on('error', () => {})
  plain.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  plain.resume()
  await once(plain, 'close')
  assert.equal((await ask(`${url}/`, { ca: '' }).catch((error: Error) => error)) instanceof Error, true)
})

test('a handshake has its time, and only so many are under way', { skip }, async (t) => {
  const { make } = maker(t)
  const server = await named(t, 'one')
  const own = make('one', '127.0.0.1')
  const silent = (url: string) => {
    const socket = connectPlain({ port: Number(new URL(url).port), host: '127.0.0.1' })
    t.after(() => void socket.destroy())
    socket.on('error', () => {})
    return socket.resume()
  }
  const slow = await started(t, {
    routes: before(server.address),
    tls: { certificates: [own] },
    limits: { handshakeTimeout: 50 },
  })
  await once(silent(slow.url), 'close')
  const few = await started(t, { routes: before(server.address), tls: { certificates: [own] }, limits: { handshakes: 2 } })
  const held = [silent(few.url), silent(few.url)]
  await Promise.all(held.map((socket) => once(socket, 'connect')))
  await once(silent(few.url), 'close')
  // Those who have gone leave their places.
  for (const socket of held) socket.destroy()
  let answer: unknown
  while (answer === undefined) answer = await ask(`${few.url}/`, { ca: own.certificate }).catch(() => undefined)
})

test('instances are asked over TLS, when their certificate is for the name and of a known authority', { skip }, async (t) => {
  const { make } = maker(t)
  const [own, named] = [make('own', '127.0.0.1'), make('named', 'orders.internal')]
  const serve = async (made: { certificate: string; key: string }): Promise<string> => {
    const server = createServer({ cert: made.certificate, key: made.key }, (request, response) => {
      const { servername } = request.socket as typeof request.socket & { servername?: string | false }
      request.resume().on('end', () => response.end(`${request.url} ${String(servername)}`))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const [byAddress, byName] = [await serve(own), await serve(named)]
  const get = async (options: UpstreamOptions, path = '/a') => {
    const routes = { routes: { one: { prefix: '/', to: 'server' } }, upstreams: { server: options } }
    const { get: askFor, lines: seen } = await started(t, { routes })
    const { status, text } = await askFor(path, { method: 'POST', body: 'x'.repeat(300_000) })
    await until(() => seen.length === 1)
    return { status, text, why: seen[0]!.failure }
  }
  const trusted = await get({ addresses: [byAddress], tls: { caFile: own.certificateFile } })
  assert.deepEqual(trusted, { status: 200, text: '/a false', why: undefined })
  const asked = await get({ addresses: [byName], tls: { ca: named.certificate, name: 'orders.internal' } })
  assert.deepEqual(asked, { status: 200, text: '/a orders.internal', why: undefined })
  const stranger = await get({ addresses: [byAddress] })
  assert.equal(stranger.status, 503)
  assert.match(stranger.why!, /self-signed certificate/)
  const wrong = await get({ addresses: [byName], tls: { ca: named.certificate } })
  assert.equal(wrong.status, 503)
  assert.match(wrong.why!, /IP: 127\.0\.0\.1 is not in the cert/)
  const start = (tls: object) =>
    startGateway({ port: 0, routes: { routes: {}, upstreams: { server: { addresses: [byName], tls } } } })
  await assert.rejects(
    start({ ca: 'nonsense' }),
    /Upstream "server": its authority for TLS cannot be read: there is no certificate/,
  )
  await assert.rejects(start({ caFile: '/nowhere' }), /cannot be read: ENOENT/)
  await assert.rejects(start({ name: 'a b' }), /its name for TLS "a b" is none/)
})
