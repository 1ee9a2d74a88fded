import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { command } from '../contract/contract.ts'
import { sqlite } from '../data/data.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { createIdempotency } from './idempotency.ts'

test('a clock that is set forward makes no answer old', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-idempotency-'))
  const runtime = realRuntime()
  const store = await sqlite()({ directory, runtime, log: silentLogger() }).open('test', { migrations: {} })
  t.after(async () => {
    await store.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  let ahead = 0
  const clock = { ...runtime.clock, now: () => runtime.clock.now() + ahead }
  const { once } = await createIdempotency({ store, clock, service: 'test' })
  const definition = command({ input: z.object({}), output: z.int() })
  let runs = 0
  const call = (key: string): Promise<unknown> => once({ operation: 'go', definition, key, input: {} }, async () => ++runs)
  assert.equal(await call('a'), 1)
  ahead = 30 * 86_400_000
  assert.equal(await call('b'), 2)
  assert.equal(await call('a'), 1)
})
