import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { realRuntime } from '../../runtime/runtime.ts'
import { span } from '../span.test-support.ts'
import { openTraces, silentLogger, type TelemetrySink } from '../telemetry.ts'
import { createMetrics, spanStore, type StoreOptions } from '../internal.ts'

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dure-spans-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

function store(t: TestContext, directory: string, options?: StoreOptions): TelemetrySink {
  const sink = spanStore(options)({
    system: 'shop',
    directory,
    runtime: realRuntime(),
    log: silentLogger(),
    metrics: createMetrics(),
  })
  t.after(() => sink.stop())
  return sink
}

const id = (n: number): string => `cc${n.toString(16).padStart(30, '0')}`

test('what is written is read back, by its trace and by how that begins', async (t) => {
  const directory = folder(t)
  assert.equal(openTraces(directory), undefined)
  const sink = store(t, directory)
  const whole = span({
    traceId: id(1),
    parentId: '00f067aa0ba902b7',
    tracestate: 'a=1',
    status: 'error',
    message: 'It’s gone',
    attributes: { 'error.type': 'NOT_FOUND', n: 1.5, ok: true },
    links: [{ traceId: id(9), spanId: '00f067aa0ba902b7' }],
  })
  sink.take(whole)
  sink.take(span({ traceId: id(2), start: 1_700_000_000_001 }))
  sink.take(span({ traceId: id(2), start: 1_700_000_000_000, name: 'first' }))
  await sink.flush()
  // Read while the writer has it open, as `dure trace` does.
  const traces = openTraces(directory)!
  assert.deepEqual(traces.trace(id(1)), [whole])
  assert.deepEqual(
    traces.trace(id(2)).map(({ name }) => name),
    ['first', 'orders.place'],
  )
  assert.deepEqual(traces.find('cc0'), [id(2), id(1)])
  assert.deepEqual(traces.find(id(1).toUpperCase()), [id(1)])
  assert.deepEqual(traces.find('cd'), [])
  assert.deepEqual(
    traces.recent().map(({ traceId, spans, errors, name }) => ({ traceId, spans, errors, name })),
    [
      { traceId: id(1), spans: 1, errors: 1, name: 'orders.place' },
      { traceId: id(2), spans: 2, errors: 0, name: 'first' },
    ],
  )
  traces.close()
})

test('a store that its writer has only begun to make is none yet', (t) => {
  const directory = folder(t)
  writeFileSync(join(directory, 'telemetry.db'), '')
  assert.equal(openTraces(directory), undefined)
  const db = new DatabaseSync(join(directory, 'telemetry.db'))
  db.exec('PRAGMA journal_mode = WAL')
  assert.equal(openTraces(directory), undefined)
  db.close()
})

test('many are written by several at once, and none is lost', async (t) => {
  const directory = folder(t)
  const sinks = [store(t, directory), store(t, directory)]
  for (let i = 0; i < 700; i++) sinks[i % 2]!.take(span({ traceId: id(i) }))
  await Promise.all(sinks.map((sink) => sink.flush()))
  const traces = openTraces(directory)!
  assert.equal(traces.find('', 1_000).length, 700)
  assert.deepEqual(
    sinks.map((sink) => sink.dropped()),
    [0, 0],
  )
  traces.close()
})

test('the file stays as large as it may be: the oldest go', async (t) => {
  const directory = folder(t)
  const sink = store(t, directory, { bytes: 256 * 1024, limits: { batch: 100, capacity: 10_000 } })
  for (let i = 0; i < 5_000; i++) sink.take(span({ traceId: id(i) }))
  await sink.stop()
  assert.equal(sink.dropped(), 0)
  const { size } = statSync(join(directory, 'telemetry.db'))
  assert.ok(size < 400 * 1024, `${size} bytes`)
  const traces = openTraces(directory)!
  assert.equal(traces.trace(id(0)).length, 0)
  assert.equal(traces.trace(id(4_999)).length, 1)
  traces.close()
})
