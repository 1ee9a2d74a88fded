import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { createMetrics, createTracer, spanStore } from 'dure/telemetry/internal'
import { dure, temporary } from './shell.test-support.ts'

/** A folder in which a system has kept these traces. */
async function kept(traces: readonly string[], name: string = 'orders.place'): Promise<string> {
  const directory = temporary()
  const runtime = realRuntime()
  const store = spanStore()({ system: 'shop', directory, runtime, log: silentLogger(), metrics: createMetrics() })
  const tracer = createTracer({ runtime, sampling: 1, sinks: [store] })
  for (const id of traces) {
    const parent = `00-${id}-00f067aa0ba902b7-01`
    const call = tracer.begin({ name, kind: 'server', service: 'orders', parent, attributes: {} })
    tracer
      .begin({ name: 'transaction orders', kind: 'client', service: 'orders', parent: call.traceparent, attributes: {} })
      .end(id.startsWith('aa') ? new Error('The disk is full') : undefined)
    call.end()
  }
  await store.stop()
  return directory
}
const one = `ab${'1'.repeat(30)}`
const two = `ab${'2'.repeat(30)}`
const broken = `aa${'3'.repeat(30)}`

test('a trace is found by how its id begins, by all of it, or by a traceparent', async () => {
  const cwd = await kept([one, two, broken])
  for (const id of ['ab1', 'AB1', one, `00-${one}-00f067aa0ba902b7-01`]) {
    const { code, out } = await dure(['trace', id, '--data', cwd])
    assert.equal(code, 0)
    assert.match(out, new RegExp(`^Trace ${one}\n.*2 spans, 1 service\n\norders.place +orders +█`))
  }
  const failed = await dure(['trace', 'aa', '--data', cwd])
  assert.match(failed.out, /✗ transaction orders: Error: The disk is full/)
  const json = JSON.parse((await dure(['trace', 'ab2', '--json', '--data', cwd])).out) as { traceId: string }[]
  assert.deepEqual(
    json.map(({ traceId }) => traceId),
    [two, two],
  )
})

test('without an id the latest are listed', async () => {
  const cwd = await kept([one, broken])
  const { out, code } = await dure(['trace', '--data', cwd])
  assert.equal(code, 0)
  assert.deepEqual(out.match(/^a[ab]\d{10}/gm)?.toSorted(), [broken.slice(0, 12), one.slice(0, 12)])
  assert.match(out, /✗ orders\.place \(orders\)/)
  for (const line of out.split('\n')) assert.ok(line.length <= 80, line)
})

test('a trace in which all went well in the end is not listed as failed', async () => {
  const directory = temporary()
  const runtime = realRuntime()
  const store = spanStore()({ system: 'shop', directory, runtime, log: silentLogger(), metrics: createMetrics() })
  const tracer = createTracer({ runtime, sampling: 1, sinks: [store] })
  const attributes = { 'messaging.message.id': 'm1', 'messaging.consumer.group.name': 'mail/order.placed' }
  const about = {
    name: 'process order.placed',
    kind: 'consumer',
    service: 'mail',
    parent: `00-${one}-00f067aa0ba902b7-01`,
  } as const
  tracer.begin({ ...about, at: runtime.clock.monotonic() - 5, attributes }).end(new Error('No answer'))
  const tried = tracer.begin({ ...about, attributes })
  tried.end()
  await store.stop()
  const { out } = await dure(['trace', '--data', directory])
  assert.match(out, /2 spans +process order\.placed \(mail\)/)
  assert.match((await dure(['trace', 'ab', '--data', directory])).out, /1 retried/)
})

test('in a pipe nothing is folded or shortened; at a terminal a long name is shortened, on its line', async () => {
  const name = `orders.${'place-and-'.repeat(6)}pay`
  const cwd = await kept([one], name)
  const piped = await dure(['trace', '--data', cwd], { piped: true })
  assert.match(piped.out, new RegExp(`2 spans +${name} \\(orders\\)\n$`))
  for (const columns of [80, 120]) {
    const { out } = await dure(['trace', '--data', cwd], { columns })
    assert.equal(out.split('\n').length, 2, out)
    assert.ok(out.trimEnd().length <= columns, out)
  }
})

test('what is not there, not clear or not an id is said so', async () => {
  const cwd = await kept([one, two])
  const gone = await dure(['trace', 'cd', '--data', cwd])
  assert.deepEqual([gone.code, gone.out], [1, ''])
  assert.match(gone.err, /Cannot find a trace "cd".*not sampled/)
  const both = await dure(['trace', 'ab', '--data', cwd])
  assert.equal(both.code, 2)
  assert.match(both.err, /Cannot tell which trace "ab" is: ab\d{6}, ab\d{6}/)
  assert.match((await dure(['trace', 'xyz', '--data', cwd])).err, /"xyz" is not a trace id/)
  const empty = await dure(['trace', 'ab', '--data', temporary()])
  assert.deepEqual([empty.code, empty.out], [1, ''])
  assert.match(empty.err, /Cannot find any trace in .*--data/)
  const damaged = temporary()
  writeFileSync(
    join(damaged, 'telemetry.db'),
    'not a database, and longer than a header of one hundred bytes is, so that it is read as one'.repeat(3),
  )
  const refused = await dure(['trace', 'ab', '--data', damaged])
  assert.equal(refused.code, 1)
  assert.match(refused.err, /Cannot read the traces in .*not a database/)
})
