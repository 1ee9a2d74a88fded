import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Admin, Producer } from '@platformatic/kafka'
import { missingServer, startLocalServer, type LocalServer } from '@dure/testing/servers'
import { CallError } from 'dure/contract'
import { createLogger } from 'dure/telemetry'
import { kafkaBroker, type KafkaOptions } from './kafka.ts'
import { caughtUp, freePorts, messageOf, openBroker, QUICK_GROUPS, until } from './server.test-support.ts'

/** One server with a port of each kind: open to all, for who has a password, with a good certificate and an expired one. */
type Ports = { readonly open: number; readonly password: number; readonly good: number; readonly expired: number }

async function startAll(folder: string): Promise<{ readonly server: LocalServer; readonly ports: Ports }> {
  const openssl = (...words: readonly string[]): unknown => execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' })
  const certify = (name: string, days: number): string => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`]
    openssl('req', '-new', ...key, '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-out', 'request')
    const signed = ['-signkey', `${name}.key`, '-days', `${days}`, '-copy_extensions', 'copy', '-out', `${name}.pem`]
    openssl('x509', '-req', '-in', 'request', ...signed)
    const parts = ['key', 'pem'].map((part) => readFileSync(join(folder, `${name}.${part}`), 'utf8'))
    writeFileSync(join(folder, `${name}.store`), parts.join(''))
    return join(folder, `${name}.store`)
  }
  const [open, controller, password, good, expired] = await freePorts(5)
  const ports = { open: open!, password: password!, good: good!, expired: expired! }
  const own = `PLAINTEXT://127.0.0.1:${open},PASSWORD://127.0.0.1:${password},GOOD://localhost:${good},EXPIRED://localhost:${expired}`
  const settings = {
    ...QUICK_GROUPS,
    listeners: `${own},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': own,
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PASSWORD:SASL_PLAINTEXT,GOOD:SSL,EXPIRED:SSL',
    'listener.name.password.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.password.plain.sasl.jaas.config':
      'org.apache.kafka.common.security.plain.PlainLoginModule required user_ann="right-one";',
    'ssl.keystore.type': 'PEM',
    'listener.name.good.ssl.keystore.location': certify('good', 2),
    'listener.name.expired.ssl.keystore.location': certify('expired', -1),
  }
  return { server: await startLocalServer('kafka', { ports: [open!, controller!], settings }), ports }
}

/** What starting with these options is refused with. */
async function refusal(options: KafkaOptions): Promise<CallError> {
  const broker = await openBroker(options).catch((error: unknown) => error)
  if (broker instanceof CallError) return broker
  await (broker as { stop: () => Promise<void> }).stop()
  assert.fail('It started')
}

test('addresses and numbers that cannot be are refused, and no password is said', () => {
  for (const options of [
    {},
    { brokers: '' },
    { brokers: 'host' },
    { brokers: 'http://host:1' },
    { url: 'kafka://ann:hunter2@host' },
    { brokers: 'ann:hunter2@host:9092' },
    { brokers: 'host:1', partitions: 0 },
    { brokers: 'host:1', session: Number.NaN },
  ])
    assert.throws(
      () => kafkaBroker(options),
      (error) => !/hunter2|ann:/.test(String(error)) && /Cannot use Kafka/.test(String(error)),
      JSON.stringify(options),
    )
})

test('a server that cannot be reached is named, with what to do', async () => {
  const [port] = await freePorts(1)
  const { code, message } = await refusal({ brokers: `127.0.0.1:${port}` })
  assert.equal(code, 'UNAVAILABLE')
  assert.match(message, new RegExp(`Cannot start: Kafka at 127.0.0.1:${port} .*connection was refused; see whether it runs`))
})

describe('kafka refuses', { skip: missingServer('kafka'), timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'dure-kafka-'))
  let server: LocalServer
  let ports: Ports
  before(async () => {
    const started = await startAll(folder)
    server = started.server
    ports = started.ports
  })
  after(async () => {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('a wrong password, and none', async () => {
    const url = `kafka://ann:right-one@127.0.0.1:${ports.password}`
    const lines: string[] = []
    const log = createLogger({ write: (line: string) => void lines.push(line) } as never)
    const broker = await openBroker({ url }, log)
    await broker.declareTopic('orders')
    await broker.stop()
    const wrong = await refusal({ url: url.replace('right-one', 'hunter2') })
    assert.equal(wrong.code, 'UNAUTHENTICATED')
    assert.match(wrong.message, /user or password is refused; correct `sasl`/)
    const none = await refusal({ brokers: `127.0.0.1:${ports.password}`, requestTimeout: 2_000 })
    assert.match(none.message, new RegExp(`127.0.0.1:${ports.password}`))
    for (const text of [JSON.stringify(wrong), String(wrong.stack), JSON.stringify(none), ...lines])
      assert.doesNotMatch(text, /hunter2|right-one/)
  })

  test('a certificate that has expired, or that nobody vouches for', async () => {
    const ca = (name: string): string => readFileSync(join(folder, `${name}.pem`), 'utf8')
    const broker = await openBroker({ brokers: `localhost:${ports.good}`, tls: { ca: ca('good') } })
    await broker.declareTopic('orders')
    await broker.stop()
    const old = await refusal({ brokers: `localhost:${ports.expired}`, tls: { ca: ca('expired') } })
    assert.equal(old.code, 'FAILED_PRECONDITION')
    assert.match(old.message, /certificate has expired; renew it/)
    const unknown = await refusal({ brokers: `localhost:${ports.good}`, tls: true })
    assert.match(unknown.message, /certificate is signed by itself; give the authority as `tls.ca`/)
  })

  test('nothing that others made: fewer partitions are said, and records of any kind arrive', async (t) => {
    const brokers = `127.0.0.1:${ports.open}`
    const client = { clientId: 'others', bootstrapBrokers: [brokers] }
    const admin = new Admin(client)
    await admin.createTopics({ topics: ['theirs'], partitions: 2, configs: [{ name: 'max.message.bytes', value: '20000000' }] })
    await admin.createTopics({ topics: ['small'], partitions: 1, configs: [{ name: 'max.message.bytes', value: '2000' }] })
    await admin.close()
    const lines: string[] = []
    const warn = (text: string): void => void lines.push(text)
    const quiet = (): void => {}
    const log = { debug: quiet, info: quiet, warn, error: warn, child: () => log } as never
    const broker = await openBroker({ brokers, prefix: '' }, log)
    t.after(() => broker.stop())

    await broker.declareTopic('theirs', { partitions: 8 })
    assert.equal(await broker.partitions('theirs'), 2)
    assert.ok(
      lines.some((line) => line.includes('fewer partitions than its event declares')),
      lines.join('\n'),
    )

    // A topic of smaller messages takes a list in smaller pieces, and names the one that it does not take.
    await broker.declareTopic('small')
    assert.ok(lines.some((line) => line.includes('smaller messages')))
    await broker.publish([1, 2, 3, 4, 5, 6, 7, 8].map((n) => messageOf('small', 'a', n)))
    const large = { ...messageOf('small', 'a', 9), data: JSON.stringify({ n: 9, text: 'x'.repeat(5_000) }) }
    await assert.rejects(
      broker.publish([large]),
      (error) => error instanceof CallError && error.code === 'INVALID_ARGUMENT' && error.details['id'] === large.id,
    )

    const producer = new Producer(client)
    const header = (version: string) =>
      new Map(
        [
          ['ce_specversion', version],
          ['ce_id', '1'],
          ['ce_source', 's'],
          ['ce_type', 't'],
        ].map(([name, value]) => [Buffer.from(name!), Buffer.from(value!)]),
      )
    await producer.send({
      acks: -1,
      messages: [
        { topic: 'theirs', partition: 0, key: Buffer.from([0xff, 0xfe]), value: Buffer.from('{"plain":true}') },
        { topic: 'theirs', partition: 0, value: Buffer.from([0, 1, 2, 255]) },
        { topic: 'theirs', partition: 0, headers: header('0.3'), value: Buffer.from('{}') },
        { topic: 'theirs', partition: 0, key: Buffer.from('gone') },
        { topic: 'theirs', partition: 0, value: Buffer.from(JSON.stringify('x'.repeat(10_000_000))) },
        { topic: 'theirs', partition: 0, headers: header('1.0'), value: Buffer.from('{"last":true}') },
      ],
    })
    await producer.close()
    const came: {
      readonly type: string
      readonly key: string
      readonly contentType?: string | undefined
      readonly data: string
    }[] = []
    await broker.subscribe({
      group: 'g',
      topics: ['theirs'],
      deliver: async (batch) => void came.push(...batch.map(({ message }) => message)),
    })
    await until(() => came.length === 6)
    assert.deepEqual(
      came.map(({ contentType = 'json' }) => contentType.replace(/^.*unreadable.*$/, 'unreadable')),
      ['json', 'unreadable', 'unreadable', 'json', 'unreadable', 'json'],
    )
    assert.equal(came[0]!.data, '{"plain":true}')
    assert.match(came[2]!.data, /version \\"0.3\\"/)
    assert.equal(came[5]!.type, 't')
    await caughtUp(broker)
  })

  test('positions that retention threw away: it goes on with what there is, and tells how much is lost', async (t) => {
    const brokers = `127.0.0.1:${ports.open}`
    const broker = await openBroker({ brokers, prefix: 'mine.' })
    t.after(() => broker.stop())
    await broker.declareTopic('orders', { partitions: 1 })
    await broker.declareGroup({ group: 'g', topics: ['orders'] })
    await broker.publish([1, 2, 3, 4, 5].map((n) => messageOf('orders', 'a', n)))
    const admin = new Admin({ clientId: 'others', bootstrapBrokers: [brokers] })
    await admin.deleteRecords({ topics: [{ name: 'mine.orders', partitions: [{ partition: 0, offset: 3n }] }] })
    await admin.close()
    // How old the first is that it will read.
    assert.ok(Math.abs((await broker.lag()).find(({ group }) => group === 'g')!.since! - Date.now()) < 60_000)
    const errors: string[] = []
    const came: string[] = []
    await broker.subscribe({
      ...{ group: 'g', topics: ['orders'], onError: (error: unknown) => void errors.push(String(error)) },
      deliver: async (batch) => void came.push(...batch.map(({ message }) => message.data)),
    })
    await until(() => came.length === 2)
    assert.deepEqual(came, ['{"n":4}', '{"n":5}'])
    assert.ok(
      errors.some((error) => error.includes('threw away 3 messages')),
      errors.join('\n'),
    )
    await until(async () => (await broker.lag()).some(({ group, lost, lag }) => group === 'g' && lost === 3 && lag === 0))
  })
})
