import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { headers } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { missingServer, startLocalServer, type LocalServer, type ServerSettings } from '@dure/testing/servers'
import { CallError } from 'dure/contract'
import type { Delivery } from 'dure/messaging'
import { createLogger, silentLogger } from 'dure/telemetry'
import { natsBroker, type NatsOptions } from './nats.ts'
import { freshPrefix, message, numberOf, openBroker, range, runtime, until } from './world.test-support.ts'

const SECRET = 'correct-horse'

/** What opening fails with: its code and words, in which nobody's secret is. */
async function refusal(options: NatsOptions): Promise<{ readonly code: string; readonly text: string }> {
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

async function serverWith(
  t: TestContext,
  settings: ServerSettings,
  account?: { name: string; password: string },
): Promise<LocalServer> {
  const server = await startLocalServer('nats', { settings, ...(account && { account }) })
  t.after(() => server.close())
  return server
}

describe('nats refuses, in words', { skip: missingServer('nats'), timeout: 60_000 }, () => {
  let server: LocalServer
  before(async () => {
    server = await startLocalServer('nats')
  })
  after(() => server.close())

  test('options that cannot be', () => {
    assert.throws(() => natsBroker({ prefix: 'a.b' }), /prefix "a.b": give 1 to 32 letters/)
    assert.throws(() => natsBroker({ servers: 'nats://a b' }), /no address; give nats:\/\/host:port/)
    assert.throws(() => natsBroker({ lease: Number.NaN }), /lease/)
  })

  test('a server that is not there', async () => {
    const { code, text } = await refusal({ servers: `nats://ada:${SECRET}@127.0.0.1:1` })
    assert.equal(code, 'UNAVAILABLE')
    assert.match(text, /Cannot connect to NATS at 127.0.0.1:1: no answer .* look whether the server runs there/)
  })

  test('a wrong password', async (t) => {
    const guarded = await serverWith(t, {}, { name: 'ada', password: 'another' })
    const { code, text } = await refusal({ servers: guarded.url.replace('another', SECRET) })
    assert.equal(code, 'UNAUTHENTICATED')
    assert.match(text, /does not accept these credentials; correct "credentials"/)
    assert.equal((await refusal({ servers: guarded.url, prefix: freshPrefix() })).code, 'OK')
    const credentials = { user: 'ada', password: 'another' }
    assert.equal((await refusal({ servers: `127.0.0.1:${guarded.port}`, credentials, prefix: freshPrefix() })).code, 'OK')
  })

  test('JetStream that is off, and messages that would not fit', async (t) => {
    const small = await serverWith(t, { max_payload: 1024 * 1024 })
    const { code, text } = await refusal({ servers: small.url })
    assert.equal(code, 'FAILED_PRECONDITION')
    assert.match(text, /takes messages of 1048576 bytes, and \d+ are needed; set "max_payload: 4MB"/)
    const off = await startLocalServer('nats', { settings: { 'jetstream.enabled': false } })
    t.after(() => off.close())
    assert.match((await refusal({ servers: off.url })).text, /JetStream is not enabled; start the server with -js/)
  })

  test('a certificate that has expired, or is of an authority that nobody knows', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'dure-nats-tls-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const openssl = (...words: readonly string[]): unknown => execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' })
    const make = (name: string, days: number): void => {
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`]
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
      openssl('req', '-new', ...key, ...subject, '-out', 'request')
      const extensions = ['-copy_extensions', 'copy']
      openssl(
        'x509',
        '-req',
        '-in',
        'request',
        '-signkey',
        `${name}.key`,
        '-days',
        `${days}`,
        ...extensions,
        '-out',
        `${name}.pem`,
      )
    }
    make('good', 2)
    make('expired', -1)
    const settings = (name: string): ServerSettings => ({
      ...{ 'tls.cert_file': join(folder, `${name}.pem`), 'tls.key_file': join(folder, `${name}.key`) },
    })
    const good = await serverWith(t, settings('good'))
    const expired = await serverWith(t, settings('expired'))
    const caFile = (name: string): NatsOptions => ({ tls: { caFile: join(folder, `${name}.pem`) }, prefix: freshPrefix() })
    assert.deepEqual(await refusal({ servers: `localhost:${good.port}`, ...caFile('good') }), { code: 'OK', text: '' })
    for (const wrong of [
      { servers: `localhost:${expired.port}`, ...caFile('expired') },
      { servers: `localhost:${good.port}`, tls: true as const },
    ]) {
      const { code, text } = await refusal(wrong)
      assert.equal(code, 'UNAVAILABLE')
      assert.match(text, /TLS with the server .* failed: .*certificate.*; look at its certificate and at "tls"/)
    }
  })

  test('a stream of another shape, and keeps the partitions of one that is there', async (t) => {
    const nc = await connect({ servers: server.url })
    t.after(() => nc.close())
    const jsm = await jetstreamManager(nc)
    const prefix = freshPrefix()
    const broker = await openBroker({ servers: server.url, prefix })
    t.after(() => broker.stop())
    await jsm.streams.add({ name: `${prefix}-topic-others`, subjects: [`${prefix}.topic.others.*`], storage: 'memory' })
    await assert.rejects(broker.declareTopic('others'), {
      code: 'FAILED_PRECONDITION',
      message: /stream ".*-topic-others" as topic "others": it was not made by Dure; choose another "prefix"/,
    })
    await broker.declareTopic('few', { partitions: 2 })
    await broker.declareTopic('few', { partitions: 16 })
    assert.equal(await broker.partitions('few'), 2)
  })

  test('and takes what others publish for messages, however it is written', async (t) => {
    const nc = await connect({ servers: server.url })
    t.after(() => nc.close())
    const prefix = freshPrefix()
    const broker = await openBroker({ servers: server.url, prefix })
    t.after(() => broker.stop())
    await broker.declareTopic('orders', { partitions: 1 })
    const came: Delivery[] = []
    await broker.subscribe({ group: 'g', topics: ['orders'], deliver: async (batch) => void came.push(...batch) })
    const publish = (data: string | Uint8Array, entries: Readonly<Record<string, string>> = {}): void => {
      const head = headers()
      for (const [name, value] of Object.entries(entries)) head.append(name, value)
      nc.publish(`${prefix}.topic.orders.0`, data, { headers: head })
    }
    const event = { 'ce-specversion': '1.0', 'ce-id': '7', 'ce-source': 'legacy', 'ce-type': 'orders' }
    publish('{"n":1}')
    publish('no JSON at all')
    publish('{"n":3}', { ...event, 'ce-partitionkey': '%ED%82%A4', 'x-team': 'blue' })
    publish('{"n":4}', { ...event, 'ce-specversion': '99' })
    publish(Buffer.alloc(3_000_000, 120))
    await nc.flush()
    await broker.publish([message('orders', 'a', 6)])
    await until(() => came.length === 6)
    const [plain, text, foreign, unknown, large, own] = came.map((one) => one.message)
    assert.deepEqual([plain!.type, plain!.source, numberOf(plain!)], ['orders', 'foreign', 1])
    assert.deepEqual(
      [foreign!.key, foreign!.source, foreign!.headers?.['x-team'], numberOf(foreign!)],
      ['키', 'legacy', 'blue', 3],
    )
    for (const unreadable of [text!, unknown!, large!]) assert.match(unreadable.contentType ?? '', /unreadable/)
    assert.equal(numberOf(own!), 6)
    // What the server would not carry never comes: it says so to its publisher.
    assert.throws(() => publish(Buffer.alloc(10_000_000)), /max_payload/)
  })

  test('and warns that a power cut may take what it has acknowledged, once, unless it is told', async () => {
    const lines: string[] = []
    const log = createLogger({ clock: runtime.clock, write: (line) => void lines.push(line) })
    for (const syncsAlways of [false, true]) {
      const broker = await natsBroker({ servers: server.url, prefix: freshPrefix(), syncsAlways })({ runtime, log })
      await broker.stop()
    }
    assert.equal(lines.filter((line) => line.includes('sync_interval: always')).length, 1, lines.join('\n'))
  })

  test('clocks that are set back delay nothing', async (t) => {
    const own = await serverWith(t, {})
    let ahead = 0
    const clock = { ...runtime.clock, now: () => runtime.clock.now() + ahead }
    const broker = await natsBroker({ servers: own.url, syncsAlways: true, timeout: 1_000, lease: 1_000 })({
      runtime: { ...runtime, clock },
      log: silentLogger(),
    })
    t.after(() => broker.stop())
    const came: number[] = []
    await broker.subscribe({
      group: 'g',
      topics: ['orders'],
      deliver: async (batch) => void came.push(...batch.map((one) => numberOf(one.message))),
    })
    const { now } = Date
    t.after(() => void (Date.now = now))
    for (const n of range(4)) {
      ahead = (n % 2 === 0 ? -1 : 1) * 86_400_000
      const shift = ahead
      // The client's own clock too.
      Date.now = () => now() + shift
      await own.crash()
      await own.start()
      await until(() =>
        broker.publish([message('orders', 'a', n)]).then(
          () => true,
          () => false,
        ),
      )
      await until(() => came.includes(n))
    }
  })
})
