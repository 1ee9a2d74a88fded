import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realRuntime, virtualRuntime } from '../runtime/runtime.ts'
import { createMetrics } from './internal.ts'
import { observeProcess } from './process-metrics.ts'
import type { MetricFamily } from './telemetry.ts'

const valuesOf = (families: readonly MetricFamily[], name: string): readonly number[] =>
  (families.find((family) => family.name === name)?.points ?? []).map((point) => ('value' in point ? point.value : point.count))

test('a process tells what it takes, and how its event loop and its collections are', async (t) => {
  const metrics = createMetrics()
  const stop = observeProcess('shop', metrics, realRuntime())
  t.after(stop)
  let garbage: unknown[] = []
  let families = await metrics.read()
  while (valuesOf(families, 'v8js.gc.duration').length === 0) {
    garbage = Array.from({ length: 100_000 }, (_, i) => ({ i }))
    await new Promise((resolve) => setTimeout(resolve, 1))
    families = await metrics.read()
  }
  assert.ok(garbage.length > 0)
  for (const name of [
    'process.uptime',
    'process.memory.usage',
    'v8js.memory.heap.limit',
    'nodejs.eventloop.time',
    'nodejs.eventloop.delay.max',
  ])
    assert.ok(
      valuesOf(families, name).some((value) => value > 0),
      name,
    )
  assert.equal(valuesOf(families, 'process.cpu.time').length, 2)
  const heap = families.find(({ name }) => name === 'v8js.memory.heap.used')!
  assert.ok(heap.points.some(({ attributes }) => attributes['v8js.heap.space.name'] === 'new_space'))
  assert.ok(heap.points.every(({ attributes }) => attributes['dure.process'] === 'shop' && attributes['host.name'] !== ''))
  stop()
  assert.deepEqual(await metrics.read(), [])
})

test('several services of one process tell it once', async (t) => {
  const metrics = createMetrics()
  t.after(observeProcess('shop', metrics, realRuntime()))
  const told = await metrics.read()
  metrics.elsewhere(async () => told)
  assert.equal(valuesOf(await metrics.readEverywhere(), 'process.uptime').length, 1)
})

test('where there is no process, as in a simulation, there is nothing', async () => {
  const metrics = createMetrics()
  observeProcess('shop', metrics, virtualRuntime())()
  assert.deepEqual(await metrics.read(), [])
})
