import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import type { GatewayReport } from '../values.ts'
import { createLink } from './link.ts'

test('a call after a calm time is told of within 100 ms, and a calm gateway asks twice a second', async () => {
  const runtime = virtualRuntime()
  let waits = false
  const asked: { readonly at: number; readonly calls: number }[] = []
  const count = {
    minute: 0,
    subscription: 's',
    line: '1',
    operation: 'o',
    status: 200,
    calls: 1,
    bytesIn: 0,
    bytesOut: 0,
    buckets: [],
  }
  const link = createLink({
    ...{ runtime, log: silentLogger() },
    gather: () => {
      const counts = waits ? [count] : []
      waits = false
      return { used: [], keys: [], counts }
    },
    waiting: () => waits,
    learn: () => {},
    settle: ({ counts, batch }: GatewayReport) => {
      asked.push({ at: runtime.clock.monotonic(), calls: counts.length })
      return Promise.resolve({ through: batch, more: false } as never)
    },
  })
  await runtime.advance(2_000)
  assert.deepEqual(
    asked.slice(1).map(({ at }, n) => at - asked[n]!.at),
    [500, 500, 500, 500],
  )
  await runtime.advance(150)
  waits = true
  await runtime.advance(100)
  assert.equal(asked.at(-1)!.calls, 1)
  const stopping = link.stop()
  await runtime.advance(1_000)
  await stopping
})
