import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { elsewhere, testAdapter } from '../../data/adapter.conformance.ts'
import type { SqlStore } from '../../data/data.ts'
import { realRuntime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { runSeed, VARIANTS } from './exchange.test-support.ts'
import { MIGRATIONS } from './tables.ts'

async function storeOf(t: TestContext): Promise<SqlStore> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-exchange-'))
  const adapter = await testAdapter({ directory, runtime: realRuntime(), log: silentLogger() })
  const store = await adapter.open('sales', { migrations: MIGRATIONS })
  t.after(async () => {
    await store.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return store
}

/** On a server a schedule takes ten times as long. */
const SEEDS = Number(process.env['DURE_STREAM_SEEDS'] ?? (elsewhere === false ? 20 : 5))

test('three copies end with what one process does, whatever happens to them', { timeout: 600_000 }, async (t) => {
  const store = await storeOf(t)
  for (let seed = 1; seed <= SEEDS; seed++) assert.equal(await runSeed(store, seed, 'as it is'), undefined, `seed ${seed}`)
})

for (const variant of VARIANTS)
  test(`found by a schedule: ${variant}`, { timeout: 600_000, skip: elsewhere }, async (t) => {
    const store = await storeOf(t)
    for (let seed = 1; seed <= 2 * SEEDS; seed++) {
      const found = await runSeed(store, seed, variant).catch(() => undefined)
      if (found !== undefined) return
    }
    assert.fail(`${2 * SEEDS} schedules, and none found it`)
  })
