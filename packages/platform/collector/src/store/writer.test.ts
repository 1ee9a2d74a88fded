import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { missingSmallDisk, mountSmallDisk } from '@dure/testing/servers'
import type { LogRecord } from '../record.ts'
import { batch, exception, log, metric, NOW, span } from '../record.test-support.ts'
import { countLogs, searchLogs } from './read-logs.ts'
import { readNumbers } from './read-numbers.ts'
import { readSegments, type ReadSegments } from './read-segments.ts'
import { listTraces, readEdges, readTrace } from './read-traces.ts'
import { rowsOf } from './rows.ts'
import { segmentsIn } from './segment.ts'
import { openStoreWriter, type Said, type StoreLimits } from './writer.ts'

const MIB = 2 ** 20

function opened(t: TestContext, options: { readonly limits?: Partial<StoreLimits>; readonly directory?: string } = {}) {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'dure-store-'))
  let time = NOW
  const said: Said[] = []
  const limits = { bytes: 64 * MIB, age: 86_400_000, segmentBytes: MIB, segmentAge: 3_600_000, ...options.limits }
  const writer = openStoreWriter({ directory, limits, now: () => time, say: (one) => void said.push(one) })
  const segments = readSegments(directory)
  t.after(() => {
    segments.close()
    writer.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return { directory, writer, segments, said, after: (ms: number) => (time += ms) }
}

/** So many lines of a kilobyte, each with its number. */
const lines = (from: number, count: number): readonly LogRecord[] =>
  Array.from({ length: count }, (_, i) =>
    log({ body: `Line number ${from + i} ${'padding '.repeat(100)}`, time: NOW + from + i }),
  )

test('segments follow each other by size, and the oldest go when all are larger than they may be', (t) => {
  const { directory, writer, segments } = opened(t, { limits: { bytes: 8 * MIB } })
  for (let i = 0; i < 20; i++)
    assert.deepEqual(writer.write(rowsOf(batch({ logs: lines(i * 1_000, 1_000) }))), { kind: 'written', refusedSeries: 0 })
  const files = segmentsIn(directory)
  assert.ok(files[0]!.number > 1 && files.length > 3, `${files.length}`)
  assert.ok(files.reduce((sum, { bytes }) => sum + bytes, 0) <= 10 * MIB)
  const found = (words: string) => searchLogs(segments, { words, limit: 5 }).lines.length
  assert.deepEqual([found('19999'), found('"number 19000"'), found('5')], [1, 1, 0])
  // A page goes on where the one before ended, over the bounds of segments.
  const seen: string[] = []
  for (let before: string | undefined; ;) {
    const page = searchLogs(segments, { words: 'padding', limit: 1_500, before })
    seen.push(...page.lines.map(({ body }) => body.slice(0, 20)))
    if (page.next === undefined) break
    before = page.next
  }
  assert.equal(new Set(seen).size, seen.length)
  assert.ok(seen.length >= 4_000 && seen[0]!.startsWith('Line number 19999'))
})

test('segments go by age as well, and not the one that is written to', (t) => {
  const { directory, writer, after } = opened(t, { limits: { age: 1_000, segmentAge: 500 } })
  writer.write(rowsOf(batch({ logs: lines(0, 1) })))
  after(600)
  for (let i = 1; i < 3; i++) writer.write(rowsOf(batch({ logs: lines(i, 1) })))
  assert.equal(segmentsIn(directory).length, 2)
  // By the file system's own clock, which is far behind the one here.
  after(Date.now() + 10 * 86_400_000)
  writer.upkeep()
  assert.deepEqual(
    segmentsIn(directory).map(({ number }) => number),
    [2],
  )
})

test('lines are counted as they are written: by level and service, without going through them', (t) => {
  const { writer, segments } = opened(t)
  const logs = [0, 1, 1, 15].flatMap((slot, i) => [
    log({ time: NOW + slot * 10_000, severity: 17, service: 'a b' }),
    ...(i === 0 ? [] : [log({ time: NOW + slot * 10_000, body: 'two words' })]),
  ])
  writer.write(rowsOf(batch({ logs })))
  const counted = (asked: object) => countLogs(segments, { from: NOW, to: NOW + 20 * 10_000, slots: 20, ...asked })
  const sums = (asked: object) => counted(asked).slots.map(({ lines: { info, error } }) => info + error)
  assert.deepEqual(sums({}).slice(0, 3), [1, 4, 0])
  assert.deepEqual(sums({ level: 'error' }).slice(0, 2), [1, 2])
  assert.deepEqual(sums({ service: 'a b' }).slice(0, 2), [1, 2])
  assert.deepEqual(sums({ words: 'two words' }).slice(0, 2), [0, 2])
  assert.equal(counted({ slots: 4 }).step, 50_000)
  assert.equal(
    sums({}).reduce((a, b) => a + b),
    7,
  )
})

test('traces are found by service, operation, duration and failure, over segments; edges go along calls and messages', (t) => {
  const { writer, segments } = opened(t, { limits: { segmentAge: 1 } })
  const one = 'a1'.repeat(16)
  const two = 'a2'.repeat(16)
  const id = (n: number): string => String(n).padStart(16, '0')
  writer.write(
    rowsOf(
      batch({
        spans: [
          span({ traceId: one, spanId: id(1), service: 'rest', name: 'POST /orders' }),
          span({ traceId: one, spanId: id(2), parentId: id(1), service: 'orders', failed: true, start: NOW + 1 }),
          span({
            traceId: one,
            spanId: id(3),
            parentId: id(2),
            service: 'orders',
            kind: 'producer',
            name: 'publish',
            start: NOW + 2,
          }),
          span({
            traceId: one,
            spanId: id(4),
            parentId: id(3),
            service: 'stock',
            kind: 'consumer',
            name: 'process',
            start: NOW + 3,
          }),
          span({
            traceId: two,
            spanId: id(5),
            service: 'mail',
            kind: 'consumer',
            start: NOW + 9,
            duration: 900,
            links: [{ traceId: one, spanId: id(3) }],
          }),
        ],
      }),
    ),
  )
  const found = (asked: object) => listTraces(segments, { limit: 10, ...asked }).map(({ traceId }) => traceId)
  assert.deepEqual(found({}), [two, one])
  assert.deepEqual(found({ failed: true }), [one])
  assert.deepEqual(found({ service: 'stock' }), [one])
  assert.deepEqual(found({ service: 'stock', operation: 'publish' }), [])
  assert.deepEqual(found({ longerThan: 500 }), [two])
  assert.deepEqual(found({ shorterThan: 500, from: NOW + 5 }), [])
  const [, first] = listTraces(segments, { limit: 10 })
  assert.deepEqual([first!.name, first!.service, first!.spans, first!.failed], ['POST /orders', 'rest', 4, 1])
  assert.deepEqual(
    readTrace(segments, one).map(({ service }) => service),
    ['rest', 'orders', 'orders', 'stock'],
  )
  assert.deepEqual(
    readEdges(segments, { from: NOW - 1, to: NOW + 1_000 }).toSorted((a, b) => (a.to < b.to ? -1 : 1)),
    [
      { from: 'orders', to: 'mail', by: 'message', times: 1, failed: 0 },
      { from: 'rest', to: 'orders', by: 'call', times: 1, failed: 1 },
      { from: 'orders', to: 'stock', by: 'message', times: 1, failed: 0 },
    ],
  )
})

test('metrics: ten seconds for an hour, a minute for a week; groups of exceptions with their first and last', (t) => {
  const { directory, writer, after } = opened(t)
  const times = [0, 4_000, 10_000, 70_000]
  writer.write(rowsOf(batch({ metrics: times.map((ms, value) => metric({ time: NOW + ms, value })) })))
  const seen = [
    exception({ message: 'one', version: '1' }),
    exception({ message: 'two', version: '2', time: NOW + 5, service: 'stock' }),
  ]
  writer.write(rowsOf(batch({ exceptions: [...seen, ...Array.from({ length: 20 }, () => exception({ fingerprint: 'v1:bb' }))] })))
  const numbers = readNumbers(directory, () => NOW + 100_000)
  t.after(() => numbers.close())
  const read = (from: number) => numbers.series({ name: 'calls', from, to: NOW + 100_000, limit: 10 })
  assert.deepEqual([read(NOW - 1_000).step, read(NOW - 1_000).series[0]!.points.map(({ value }) => value)], [10_000, [1, 2, 3]])
  assert.deepEqual([read(NOW - 4 * 3_600_000).step, read(NOW - 4 * 3_600_000).series[0]!.points.length], [60_000, 2])
  const [last, first] = numbers.groups({ limit: 10 })
  assert.equal(first!.times, 20)
  assert.equal(numbers.samples('v1:bb').length, 10)
  const { services, firstVersion, lastVersion, message, times: counted } = last!
  assert.deepEqual(
    { services, firstVersion, lastVersion, message, counted },
    {
      ...{ services: ['orders', 'stock'], firstVersion: '1', lastVersion: '2', message: 'two', counted: 2 },
    },
  )
  after(2 * 3_600_000)
  writer.upkeep()
  assert.deepEqual(read(NOW - 1_000).series[0]!.points, [])
  assert.equal(read(NOW - 4 * 3_600_000).series[0]!.points.length, 2)
})

test(
  'a full disk: the oldest goes for what is new; with nothing to go it is said, and goes on when there is room',
  { skip: missingSmallDisk() },
  async (t) => {
    const disk = await mountSmallDisk({ bytes: 12 * MIB })
    t.after(() => disk.close())
    const { writer, segments, said, directory } = opened(t, {
      directory: join(disk.directory, 'store'),
      limits: { segmentBytes: MIB },
    })
    for (let i = 0; i < 30; i++) assert.equal(writer.write(rowsOf(batch({ logs: lines(i * 500, 500) }))).kind, 'written')
    assert.ok(said.some(({ message }) => message.startsWith('The disk is full')))
    assert.equal(searchLogs(segments, { words: '14999', limit: 1 }).lines.length, 1)
    disk.fill()
    // What is in the way of a write may go until only the newest is left.
    for (let i = 30; writer.write(rowsOf(batch({ logs: lines(i * 500, 500) }))).kind === 'written'; i++) disk.fill()
    assert.equal(segmentsIn(directory).length, 1)
    disk.free()
    assert.equal(writer.write(rowsOf(batch({ logs: lines(90_000, 10) }))).kind, 'written')
    assert.equal(searchLogs(segments, { words: '90009', limit: 1 }).lines.length, 1)
  },
)

test('edges: each span that led to another is looked up by its ids, in no pass over all', (t) => {
  const { writer, segments } = opened(t)
  const [cause, effect] = ['c1'.repeat(16), 'c2'.repeat(16)]
  const spans = [
    span({ traceId: cause }),
    span({ traceId: cause, spanId: 'b2'.repeat(8), parentId: 'b1'.repeat(8), service: 'stock' }),
    span({ traceId: effect, kind: 'consumer', service: 'mail', links: [{ traceId: cause, spanId: 'b1'.repeat(8) }] }),
  ]
  writer.write(rowsOf(batch({ spans })))
  const plan: string[] = []
  const explained: ReadSegments = {
    ...segments,
    *each() {
      for (const segment of segments.each())
        yield {
          ...segment,
          all: (sql, ...values) => {
            const steps = segment.all<{ readonly detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...values)
            plan.push(...steps.map(({ detail }) => detail))
            return segment.all(sql, ...values)
          },
        }
    },
  }
  assert.deepEqual(readEdges(explained, { from: NOW - 1_000, to: NOW + 1_000 }), [
    { from: 'orders', to: 'stock', by: 'call', times: 1, failed: 0 },
    { from: 'orders', to: 'mail', by: 'message', times: 1, failed: 0 },
  ])
  assert.deepEqual(
    plan.filter((step) => /\b(?:parents|sources)\b/.test(step)),
    ['parents', 'sources'].map((each) => `SEARCH ${each} USING COVERING INDEX spans_trace (trace=? AND span=?)`),
  )
})
