import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type ServerOptions } from 'node:https'
import { createServer as createPlain } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test, type TestContext } from 'node:test'
import { CallError, command, contract, query } from 'dure/contract'
import { realRuntime } from 'dure/runtime'
import { service, start, system } from 'dure/service'
import { createLogger, silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { httpService, type HttpServiceOptions } from '../rest.ts'
import { clientAt } from './client.test-support.ts'

const openssl = 'openssl'
// In the words by which the test runner says loudly what was not run.
const skip = spawnSync(openssl, ['version']).status === 0 ? false : 'needs server: openssl'

const folder = mkdtempSync(join(tmpdir(), 'dure-https-'))
after(() => rmSync(folder, { recursive: true, force: true }))

type Identity = { readonly cert: Buffer; readonly key: Buffer }

/** A certificate of its own, for localhost, that is its own authority. */
function selfMade(name: string, days = 2): Identity {
  const run = (...words: readonly string[]): void => {
    const { status, stderr } = spawnSync(openssl, words, { cwd: folder, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`]
  run('req', '-new', ...key, '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-out', `${name}.csr`)
  const signed = ['-signkey', `${name}.key`, '-days', `${days}`, '-copy_extensions', 'copy', '-out', `${name}.crt`]
  run('x509', '-req', '-in', `${name}.csr`, ...signed)
  return { cert: readFileSync(join(folder, `${name}.crt`)), key: readFileSync(join(folder, `${name}.key`)) }
}

const Billing = contract('billing', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    balance: query({ input: z.object({ id: z.string() }), output: z.object({ left: z.int() }), http: 'GET /accounts/{id}' }),
    charge: command({ input: z.object({ id: z.string() }), output: z.object({ left: z.int() }), http: 'POST /accounts/{id}' }),
  },
})

/** Somebody else's server; `asked` counts what reached it, `connections` what was let in. */
async function theirs(t: TestContext, options: ServerOptions) {
  const seen = { asked: 0, connections: 0 }
  const server = createServer(options, (_request, response) => {
    seen.asked++
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"left":95}')
  }).listen(0, '127.0.0.1')
  server.on('secureConnection', () => seen.connections++).on('tlsClientError', () => {})
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return { seen, port: (server.address() as { port: number }).port }
}

/** Nobody waits for whoever cannot be reached. */
const impatient = { '*': { remote: { patience: 0, attempts: 1 } } } as const

/** A system that needs it; `log` gets what it writes. */
async function ours(t: TestContext, options: HttpServiceOptions, log = silentLogger()) {
  const Shop = contract('shop', { version: '1.0.0', owner: 'tests', operations: { buy: command({ output: z.int() }) } })
  const shop = service(Shop, {
    needs: { billing: Billing },
    handlers: { buy: async (_, { billing }) => (await billing.charge({ id: 'a' })).left },
  })
  const made = system('ours', { services: [shop], external: [httpService(Billing, options)], policies: impatient })
  const running = await start(made, { directory: mkdtempSync(join(folder, 'system-')), log, shutdownTimeout: 500 })
  t.after(() => running.stop({ timeout: 0 }))
  return running.client(Shop)
}

const unavailable = (words: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof CallError && thrown.code === 'UNAVAILABLE', String(thrown))
  assert.match(thrown.message, words)
  return true
}

describe('https', { skip }, () => {
  const own = skip === false ? selfMade('own') : undefined
  const ca = own?.cert

  test('who is trusted is called, over connections that are kept', async (t) => {
    const { seen, port } = await theirs(t, own!)
    const shop = await ours(t, { url: `https://localhost:${port}`, tls: { ca: ca! } })
    for (let n = 0; n < 20; n++) assert.equal(await shop.buy(), 95)
    assert.equal(seen.asked, 20)
    assert.ok(seen.connections < 5, `${seen.connections} connections`)
  })

  test('who is not trusted is sent nothing: the log says why and what to do, the caller not who it was', async (t) => {
    const { seen, port } = await theirs(t, own!)
    const lines: string[] = []
    const log = createLogger({ clock: realRuntime().clock, write: (line) => void lines.push(line) })
    const shop = await ours(t, { url: `https://localhost:${port}` }, log)
    await assert.rejects(shop.buy(), (thrown) => {
      unavailable(/cannot be reached now/)(thrown)
      assert.doesNotMatch((thrown as Error).message, /localhost|certificate/)
      return true
    })
    const said = new RegExp(
      `no connection to localhost:${port}: its certificate is signed by nobody who is trusted here.*; give \\\\"tls\\\\" the certificate of who signed it \\(\\\\"ca\\\\"\\)`,
    )
    assert.match(lines.join(''), said)
    const other = clientAt(Billing, port, { tls: { ca: selfMade('other').cert, servername: 'localhost' } })
    await assert.rejects(other.client.charge({ id: 'a' }), unavailable(/is signed by nobody who is trusted here/))
    assert.equal(seen.asked, 0)
  })

  test('a certificate for another name, or one that has expired, says so', async (t) => {
    const { seen, port } = await theirs(t, own!)
    const wrong = clientAt(Billing, port, { tls: { ca: ca! } })
    await assert.rejects(wrong.client.balance({ id: 'a' }), unavailable(/127\.0\.0\.1.*not in the cert's list/))
    const named = clientAt(Billing, port, { tls: { ca: ca!, servername: 'localhost' } })
    assert.deepEqual(await named.client.balance({ id: 'a' }), { left: 95 })
    const old = selfMade('old', -1)
    const expired = await theirs(t, old)
    const late = clientAt(Billing, expired.port, { tls: { ca: old.cert, servername: 'localhost' } })
    await assert.rejects(late.client.balance({ id: 'a' }), unavailable(/its certificate has expired/))
    assert.deepEqual([seen.asked, expired.seen.asked], [1, 0])
  })

  test('where the other side asks for a certificate, ours is shown', async (t) => {
    const client = selfMade('client')
    const { seen, port } = await theirs(t, { ...own!, requestCert: true, ca: client.cert })
    const shop = await ours(t, { url: `https://localhost:${port}`, tls: { ca: ca!, ...client } })
    assert.equal(await shop.buy(), 95)
    const without = clientAt(Billing, port, { tls: { ca: ca!, servername: 'localhost' } })
    await assert.rejects(without.client.balance({ id: 'a' }), unavailable(/certificate|broken off/))
    assert.equal(seen.asked, 1)
  })

  test('a port without TLS says so', async (t) => {
    const plain = createPlain((_request, response) => response.end()).listen(0, '127.0.0.1')
    t.after(() => plain.close())
    await once(plain, 'listening')
    const { port } = plain.address() as { port: number }
    const { client } = clientAt(Billing, port, { tls: {} })
    await assert.rejects(client.balance({ id: 'a' }), unavailable(/what answers there does not speak TLS/))
  })
})
