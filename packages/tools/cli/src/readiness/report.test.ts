import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeOf, comparisonText, predict, readinessText, type Readiness } from './report.ts'
import { measureHop } from './hop.ts'
import type { Measured } from './measure.ts'

const MB = 1_048_576
const hop = { local: { ms: 0.02, cpu: 0.02 }, remote: { ms: 0.22, cpu: 0.12 } }
const operation = (service: string, name: string, perSecond: number) => ({
  service,
  operation: name,
  perSecond,
  mean: 2,
  p99: 8.192,
})
const before: Measured = {
  operations: [operation('주문', '찾기', 100), operation('stock', 'reserve', 50), operation('mail', 'sent', 1)],
  calls: [
    { caller: 'doors', callee: '주문', perSecond: 60 },
    { caller: 'stock', callee: '주문', perSecond: 40 },
    { caller: '주문', callee: 'stock', perSecond: 20 },
    { caller: 'mail', callee: 'stock', perSecond: 30 },
  ],
  processes: [
    { name: '주문+stock', memory: 150 * MB, processor: 0.4 },
    { name: 'mail', memory: 90 * MB, processor: 0.1 },
  ],
}
const apart = [
  { caller: '주문', callee: 'stock' },
  { caller: 'stock', callee: '주문' },
]
const plan = { service: '주문', from: '주문+stock', to: '주문', overlaps: false, apart, together: [] }
const layout = (columns: number) => ({ columns, color: false, piped: false })

test('a split costs the wire and some of a processor for the calls that cross it, and a process as large as the smallest', () => {
  const { latency, calls, processor, memory } = predict({ plan, hop, before })
  assert.deepEqual([latency.toFixed(3), calls, processor.toFixed(3), memory], ['0.200', 60, '0.006', 90 * MB])
})

test('brought back, it saves them', () => {
  const back = { ...plan, from: '주문', to: '주문+stock', apart: [], together: apart }
  const alone = { ...before, processes: [...before.processes, { name: '주문', memory: 80 * MB, processor: 0.2 }] }
  const { latency, processor, memory } = predict({ plan: back, hop, before: alone })
  assert.deepEqual([latency.toFixed(3), processor.toFixed(3), memory], ['-0.200', '-0.006', -80 * MB])
})

test('what was measured stands beside what was predicted; what is not known is not guessed', () => {
  const after: Measured = {
    operations: [{ ...operation('주문', '찾기', 100), mean: 2.5 }],
    calls: [],
    processes: [...before.processes, { name: '주문', memory: 85 * MB, processor: 0.02 }],
  }
  const change = changeOf('주문', before, after)
  assert.deepEqual([change.mean, change.memory, change.processor.toFixed(2)], [[2, 2.5], 85 * MB, '0.02'])
  const text = comparisonText(predict({ plan, hop, before }), change, layout(80))
  assert.match(text, /memory +\+90 MB +\+85 MB/)
  assert.match(text, /a call at the service +\+0 +\+500 µs/)
  const silent = changeOf('주문', before, {
    operations: [],
    calls: [],
    processes: [{ name: 'mail', memory: undefined, processor: undefined }],
  })
  assert.deepEqual([silent.mean[1], silent.memory], [undefined, undefined])
})

for (const columns of [80, 120]) {
  test(`the report fits ${columns} columns, with Korean names`, () => {
    const report: Readiness = { plan, hop, before, predicted: predict({ plan, hop, before }) }
    const text = readinessText(report, layout(columns))
    for (const line of text.split('\n')) assert.ok(widthOf(line) <= columns, line)
    assert.match(text, /Hand-over: its store has one owner, so calls wait/)
    assert.match(text, /주문 → stock\s+\(20\.0\),\s+stock → 주문\s+\(40\.0\)/)
    assert.match(text, /찾기 +100\.0 +2\.00 ms +< 8\.19 ms/)
  })
}

test('the probe finds a call over a socket dearer than one within a process', async () => {
  const { local, remote } = await measureHop()
  assert.ok(local.ms > 0 && remote.ms > local.ms && remote.cpu > local.cpu, JSON.stringify({ local, remote }))
})

/** Columns that a text takes: Hangul takes two each. */
const widthOf = (text: string): number => [...text].reduce((sum, char) => sum + (/\p{Script=Hangul}/u.test(char) ? 2 : 1), 0)
