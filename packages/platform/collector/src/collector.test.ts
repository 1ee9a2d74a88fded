import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { missingSmallDisk, mountSmallDisk } from '@dure/testing/servers'
import { contract, error, query } from 'dure/contract'
import { service, start, system } from 'dure/service'
import { collectorSocket } from 'dure/telemetry/internal'
import { silentLogger, type Logger } from 'dure/telemetry'
import { z } from 'zod'
import { folder, raw, started } from './collector.test-support.ts'
import { collector, startCollector } from './collector.ts'

const Greeter = contract('greeter', {
  version: '1.0.0',
  owner: 'team-greetings',
  operations: { greet: query({ input: z.string(), output: z.string(), errors: { Rude: error('RUDE') } }) },
})

test('a system with the door: its spans, logs and metrics are in the store, with nothing else said', async (t) => {
  const directory = folder(t)
  const door = collector({ port: 0 })
  const greeter = service(Greeter, {
    handlers: {
      greet: (name, { log }) => {
        log.warn('Somebody was greeted', { name })
        return `Hello, ${name}`
      },
    },
  })
  const app = system('greetings', { services: [greeter], doors: [door], security: 'off', telemetry: { sampling: 1 } })
  const running = await start(app, { directory, log: silentLogger() })
  t.after(() => running.stop())
  const { store } = door.collected()!
  for (;;) {
    await running.client(Greeter).greet('Sori')
    const [traces, logs] = await Promise.all([store.listTraces({ limit: 1 }), store.searchLogs({ words: 'greeted', limit: 1 })])
    if (traces.length === 0 || logs.lines.length === 0) continue
    const [line] = logs.lines
    assert.deepEqual([line!.service, line!.level, line!.attributes['name']], ['greeter', 'warn', 'Sori'])
    const spans = await store.readTrace(line!.traceId!)
    if (spans.length === 0) continue
    assert.ok(spans.some(({ name, service: of }) => name === 'greeter.greet' && of === 'greeter'))
    break
  }
  await running.stop()
  assert.equal(existsSync(collectorSocket(directory)), false)
})

test('two collectors on one directory: the second says who has it', async (t) => {
  const { directory } = await started(t)
  await assert.rejects(startCollector({ directory, port: 0, log: silentLogger() }), /another one works on/)
})

test('what is stored is there after a restart; a damaged file, and a later store beside it, are left and said', async (t) => {
  const directory = folder(t)
  const first = await startCollector({ directory, port: 0, log: silentLogger() })
  await fetch(`${first.url}/v1/lines?service=a`, { method: 'POST', body: 'Before' })
  await first.stop()
  writeFileSync(
    join(directory, 'collector/v1/00000002.db'),
    'no database at all, and long enough to be looked at as one'.repeat(10),
  )
  mkdirSync(join(directory, 'collector/v2'))
  const said: string[] = []
  const log: Logger = { ...silentLogger(), warn: (message) => void said.push(message) }
  const second = await started(t, { directory, log })
  await second.post('/v1/lines?service=a', 'After')
  assert.deepEqual(await second.found(), ['Before', 'After'])
  assert.equal(said.length, 2)
  assert.match(said.join(), /later version.*cannot be used/s)
})

test('pages of others and foreign hosts are not let in; with a token, nobody without it', async (t) => {
  const { url } = await started(t, { token: 'secret' })
  const authorization = 'Bearer secret'
  const status = (headers: Record<string, string>): Promise<number> => raw(url!, { path: '/health', headers })
  assert.equal(await status({ authorization }), 200)
  assert.equal(await status({ authorization: 'Bearer other' }), 401)
  assert.equal(await status({ authorization, host: 'evil.example' }), 403)
  assert.equal(await status({ authorization, origin: 'https://evil.example' }), 403)
  assert.equal(await raw(url!, { path: '/nothing', headers: { authorization } }), 404)
  assert.equal(await raw(url!, { path: '/v1/logs', headers: { authorization } }), 405)
})

test(
  'a full disk: senders are told so in the words of their protocols, who asks is answered, and it goes on when there is room',
  { skip: missingSmallDisk() },
  async (t) => {
    const disk = await mountSmallDisk({ bytes: 12 * 2 ** 20 })
    const { post, found, stop, intake } = await started(t, { directory: join(disk.directory, 'data') })
    // Its files are on the disk until then.
    t.after(async () => {
      await stop()
      await disk.close()
    })
    await post('/v1/lines?service=a', 'Before')
    const padding = 'padding '.repeat(2_000)
    let told: Awaited<ReturnType<typeof post>>
    do {
      disk.fill()
      told = await post('/_bulk', `{"index":{}}\n${JSON.stringify({ message: padding })}\n`, {
        'content-type': 'application/x-ndjson',
      })
    } while (told.status === 200)
    assert.deepEqual([told.status, told.json.status, told.json.error.type], [503, 503, 'unavailable_shards_exception'])
    assert.equal(told.headers.get('retry-after'), '30')
    const line = { body: { stringValue: padding } }
    const otlp = await post('/v1/logs', JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [line] }] }] }))
    assert.deepEqual([otlp.status, otlp.json.code], [503, 14])
    assert.deepEqual(await found({ words: 'before' }), ['Before'])
    assert.ok(intake.counters().full && intake.counters().dropped >= 2)
    disk.free()
    while ((await post('/v1/lines?service=a', 'After')).status !== 200);
    assert.deepEqual(await found({ words: 'after' }), ['After'])
    assert.equal(intake.counters().full, false)
  },
)
