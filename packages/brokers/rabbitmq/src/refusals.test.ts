import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { missingServer, startLocalServer, type LocalServer } from '@dure/testing/servers'
import { CallError } from 'dure/contract'
import { frame, pairs, RESPONSE, u16, COMMAND } from './frames.ts'
import { rabbitmqBroker, type RabbitmqOptions } from './rabbitmq.ts'
import { at, freshPrefix, openBroker, SHORT } from './world.test-support.ts'

const SECRET = 'correct-horse'

/** What opening fails with: its code and words, in which nobody's secret is. */
async function refusal(options: RabbitmqOptions): Promise<{ readonly code: string; readonly text: string }> {
  try {
    const broker = await openBroker(options)
    await broker.stop()
  } catch (error) {
    assert.ok(error instanceof CallError, String(error))
    const all = [error.message, JSON.stringify(error), String(error.cause), error.stack ?? ''].join()
    assert.ok(!all.includes(SECRET), all)
    return { code: error.code, text: error.message }
  }
  return { code: 'OK', text: '' }
}

describe('rabbitmq refuses, in words', { skip: missingServer('rabbitmq'), timeout: 120_000 }, () => {
  let server: LocalServer
  before(async () => {
    server = await startLocalServer('rabbitmq', { account: { name: 'ada', password: 'another' } })
  })
  after(() => server.close())

  test('options that cannot be', () => {
    assert.throws(() => rabbitmqBroker({ prefix: 'a b' }), /prefix "a b": give 1 to 32 letters/)
    assert.throws(() => rabbitmqBroker({ url: 'http://one' }), /no address; give amqp:\/\/host:port/)
    assert.throws(() => rabbitmqBroker({ lease: Number.NaN }), /lease/)
  })

  test('a server that is not there', async () => {
    const { code, text } = await refusal({ ...SHORT, url: `amqp://ada:${SECRET}@127.0.0.1:1`, streamPort: 1 })
    assert.equal(code, 'UNAVAILABLE')
    assert.match(text, /RabbitMQ at 127.0.0.1:1: nothing listens there; start the server with its plugin `rabbitmq_stream`/)
  })

  test('a wrong password, a user that may not come, a virtual host that is not there', async () => {
    const wrong = await refusal({ ...at(server), credentials: { username: 'ada', password: SECRET } })
    assert.equal(wrong.code, 'UNAUTHENTICATED')
    assert.match(wrong.text, /does not know this user and password; correct `url` or `credentials`/)
    assert.deepEqual(await refusal(at(server)), { code: 'OK', text: '' })
    const { code, text } = await refusal({ ...at(server), url: `${server.url}/none` })
    assert.equal(code, 'FAILED_PRECONDITION')
    assert.match(text, /no such virtual host/)
  })

  test('a server that is too old', async (t) => {
    const old = createServer((socket) => {
      // It answers everything well, as one of 3.12 would.
      let asked = 0
      socket.on('data', (bytes: Buffer) => {
        for (let from = 0; from + 8 <= bytes.length; from += 4 + bytes.readUInt32BE(from)) {
          const key = bytes.readUInt16BE(from + 4)
          if (key === COMMAND.tune) continue
          const version = pairs({ version: '3.12.14' })
          socket.write(frame(key | RESPONSE, [u16(1), ...(asked++ === 0 ? [version] : [])], bytes.readUInt32BE(from + 8)))
          if (key === COMMAND.authenticate) socket.write(frame(COMMAND.tune, [Buffer.alloc(8)]))
        }
      })
      socket.on('error', () => {})
    })
    await new Promise<void>((resolve) => void old.listen(0, '127.0.0.1', resolve))
    t.after(() => old.close())
    const { port } = old.address() as { port: number }
    const { code, text } = await refusal({ ...SHORT, streamPort: port })
    assert.equal(code, 'FAILED_PRECONDITION')
    assert.match(text, /it is version 3.12.14; use 3.13 or newer/)
  })

  test('a certificate of an authority that nobody knows', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'dure-rabbitmq-tls-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem']
    execFileSync('openssl', ['req', '-x509', ...key, ...subject, '-days', '2', '-out', 'cert.pem'], {
      cwd: folder,
      stdio: 'pipe',
    })
    const { createServer: createTls } = await import('node:tls')
    const { readFileSync } = await import('node:fs')
    const { connect } = await import('node:net')
    const files = { key: readFileSync(join(folder, 'key.pem')), cert: readFileSync(join(folder, 'cert.pem')) }
    // What stands before the server has the certificate.
    const before = async (port: number): Promise<number> => {
      const outer = createTls(files, (client) => {
        const inner = connect(port, '127.0.0.1')
        client.pipe(inner).pipe(client)
        for (const socket of [client, inner]) socket.on('error', () => (client.destroy(), inner.destroy()))
      })
      await new Promise<void>((resolve) => void outer.listen(0, '127.0.0.1', resolve))
      t.after(() => outer.close())
      return (outer.address() as { port: number }).port
    }
    const streamPort = await before(server.ports['stream']!)
    const url = `amqps://ada:another@localhost:${await before(server.port)}`
    const { code, text } = await refusal({ ...SHORT, url, streamPort, prefix: freshPrefix() })
    assert.equal(code, 'FAILED_PRECONDITION')
    assert.match(text, /nobody known signed the server's certificate; give the authority as `tls.ca`/)
    const trusted = { ...SHORT, url, streamPort, prefix: freshPrefix(), tls: { ca: files.cert } }
    assert.deepEqual(await refusal(trusted), { code: 'OK', text: '' })
  })

  test('and keeps the partitions of a topic that is there', async (t) => {
    const broker = await openBroker(at(server))
    t.after(() => broker.stop())
    await broker.declareTopic('few', { partitions: 2 })
    await broker.declareTopic('few', { partitions: 16 })
    assert.equal(await broker.partitions('few'), 2)
  })
})
