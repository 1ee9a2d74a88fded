import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { HEADLINE_MIX } from '../workload/mix.ts'
import { runChaos } from './chaos.ts'

test('the marketplace is killed twice under load and loses nothing, doubles nothing', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-chaos-test-'))
  const uniform = { kind: 'uniform' } as const
  try {
    const result = await runChaos({
      ...{ directory, kills: 2, seconds: 1, seed: 2, concurrency: 8, products: 50, customers: 50, quiet: 120 },
      mix: HEADLINE_MIX,
      sessions: { sellers: uniform, products: uniform, checkoutProbability: 100, voucherProbability: 5, uniqueSeller: false },
      signal: AbortSignal.timeout(180_000),
      say: () => {},
      watch: () => {},
    })
    assert.deepEqual({ lost: result.lost, doubled: result.doubled, kills: result.kills }, { lost: [], doubled: [], kills: 2 })
    assert.deepEqual(
      result.invariants.filter(({ ok }) => !ok),
      [],
    )
    assert.ok(result.finished >= 20, `${result.finished} transactions finished`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
