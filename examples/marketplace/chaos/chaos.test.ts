import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { judgeEffects } from '../witness/effects.ts'
import { readWitnesses } from '../witness/read.ts'
import { HEADLINE_MIX } from '../workload/mix.ts'
import { runChaos } from './chaos.ts'

/** Two effects of one key change places, as if the later event had been handled first. */
function swapTwo(file: string): boolean {
  const store = new DatabaseSync(file)
  const product = new DatabaseSync(join(dirname(file), 'product.db'), { readOnly: true })
  try {
    const events = product.prepare("SELECT id, key FROM witness_events WHERE type = 'catalogue.changed' ORDER BY position").all()
    const [first, second] = [...Map.groupBy(events, ({ key }) => key).values()].find((all) => all.length > 1) ?? []
    if (first === undefined || second === undefined) return false
    const names = store.prepare(`UPDATE witness_handled SET message_id = CASE message_id WHEN ? THEN ? ELSE ? END
      WHERE consumer = 'cart/catalogue.changed' AND message_id IN (?, ?)`)
    const [one, other] = [String(first['id']), String(second['id'])]
    return names.run(one, other, one, one, other).changes === 2
  } finally {
    store.close()
    product.close()
  }
}

test('the marketplace is killed twice under load and loses nothing, doubles nothing, and keeps the order of keys', async () => {
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
    const { overtaken, effects, consumers } = result.effects!
    assert.deepEqual(overtaken, [])
    assert.ok(effects >= 20 && consumers >= 10, `${effects} effects at ${consumers} consumers`)
    assert.ok(swapTwo(join(directory, 'marketplace', 'cart.db')))
    assert.match(judgeEffects(readWitnesses(join(directory, 'marketplace'))!).overtaken.join(), /^cart\/catalogue\.changed: /)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
