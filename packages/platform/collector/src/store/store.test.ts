import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { openStore, type Store } from './store.ts'
import { batch, log } from '../record.test-support.ts'

async function store(t: TestContext): Promise<Store> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-collector-'))
  const opened = await openStore({
    directory,
    limits: { bytes: 2 ** 30, age: 7 * 86_400_000, segmentBytes: 2 ** 27, segmentAge: 3_600_000 },
    queue: 2 ** 25,
    runtime: realRuntime(),
    log: silentLogger(),
  })
  t.after(async () => {
    await opened.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return opened
}

test('what is written is found: by words, level, service, trace', async (t) => {
  const opened = await store(t)
  const traceId = 'ab'.repeat(16)
  const lines = [
    log({ body: 'Order 4711 placed', service: 'orders' }),
    log({
      body: 'Payment of order 4711 failed',
      service: 'billing',
      severity: 17,
      traceId,
      attributes: { 'order.id': 'O-4711', tries: 3 },
    }),
    log({ body: '주문이 접수되었습니다', service: 'orders' }),
  ]
  assert.equal(await opened.append(batch({ logs: lines })), 'stored')
  const found = async (asked: object): Promise<readonly string[]> =>
    (await opened.searchLogs({ ...asked, limit: 10 })).lines.map(({ body }) => body)
  assert.deepEqual(await found({}), lines.map(({ body }) => body).toReversed())
  assert.deepEqual(await found({ words: '4711' }), [lines[1]!.body, lines[0]!.body])
  assert.deepEqual(await found({ words: '4711 fail*' }), [lines[1]!.body])
  assert.deepEqual(await found({ words: '4711 -failed' }), [lines[0]!.body])
  assert.deepEqual(await found({ words: '"order 4711"' }), [lines[1]!.body, lines[0]!.body])
  assert.deepEqual(await found({ words: '"4711 order"' }), [])
  assert.deepEqual(await found({ words: '주문' }), [lines[2]!.body])
  assert.deepEqual(await found({ words: 'O-4711' }), [lines[1]!.body])
  assert.deepEqual(await found({ level: 'warn' }), [lines[1]!.body])
  assert.deepEqual(await found({ service: 'orders', words: 'placed' }), [lines[0]!.body])
  assert.deepEqual(await found({ traceId }), [lines[1]!.body])
})
