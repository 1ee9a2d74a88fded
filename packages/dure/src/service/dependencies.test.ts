import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualRuntime } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { createProbe, PROBE_TIMEOUT } from './dependencies.ts'

function rig() {
  const runtime = virtualRuntime()
  const asked: PromiseWithResolvers<void>[] = []
  const ask = (): Promise<void> => {
    const one = Promise.withResolvers<void>()
    asked.push(one)
    return one.promise
  }
  return { runtime, asked, probe: createProbe({ name: 'postgresql', kind: 'store', ask, runtime, log: silentLogger() }) }
}

test('tells what answers, how long it took, and since when', async () => {
  const { runtime, asked, probe } = rig()
  const first = probe()
  await runtime.advance(20)
  asked[0]!.resolve()
  const up = await first
  assert.deepEqual(up, {
    name: 'postgresql',
    kind: 'store',
    state: 'up',
    since: runtime.clock.now(),
    latency: 20,
    reason: undefined,
  })
  await runtime.advance(5_000)
  const later = probe()
  asked[1]!.resolve()
  assert.equal((await later).since, up.since)
  const failing = probe()
  asked[2]!.reject(new Error('password'))
  const down = await failing
  assert.deepEqual(
    [down.state, down.since, down.latency, down.reason],
    ['down', runtime.clock.now(), undefined, 'its log says why'],
  )
})

test('of what is frozen, many who ask wait for one answer, no longer than a check may take', async () => {
  const { runtime, asked, probe } = rig()
  const all = Promise.all(Array.from({ length: 50 }, () => probe()))
  await runtime.advance(PROBE_TIMEOUT)
  assert.deepEqual(
    new Set((await all).map(({ state, reason }) => `${state}: ${reason}`)),
    new Set([`down: It has not within ${PROBE_TIMEOUT} ms`]),
  )
  assert.equal(asked.length, 1)
  // It goes on, and is up for whoever asks next.
  asked[0]!.resolve()
  await runtime.advance(1)
  const next = probe()
  asked[1]!.resolve()
  assert.equal((await next).state, 'up')
})

test('what never answers gathers few questions, and is found when it is back', async () => {
  const { runtime, asked, probe } = rig()
  for (let i = 0; i < 50; i++) {
    const check = probe()
    await runtime.advance(2_000)
    assert.equal((await check).state, 'down')
  }
  assert.equal(asked.length, 3)
  const check = probe()
  asked.at(-1)!.resolve()
  assert.equal((await check).state, 'up')
})
