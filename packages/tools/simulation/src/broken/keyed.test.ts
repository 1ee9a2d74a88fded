import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, explore } from '../simulation.ts'
import { countingKeys, ONE_MORE } from './keyed.test-support.ts'
import { rewriting, type Statement } from './rewriting.test-support.ts'

/** A transaction counts, whosever the share of its key is by now. */
function withoutFence({ sql, values }: Statement): Statement {
  if (!sql.startsWith('SELECT 1 AS one')) return { sql, values }
  return { sql: sql.replace(' AND epoch = ?', ''), values: values.slice(0, 1) }
}

test('keys of three copies have one writer each, whatever befalls the copies', { timeout: 600_000 }, async () => {
  const { failures, sometimes } = await explore({ simulation: countingKeys, seeds: 30, failures: 3, verify: 1 })
  assert.deepEqual(failures.map(describeOutcome), [])
  for (const seen of countingKeys().expects!) assert.ok(sometimes[seen] !== undefined, seen)
})

test('keyed operations, found: a copy that has lost a key writes', { timeout: 600_000 }, async (t) => {
  const store = rewriting('dure_key_shares', withoutFence)
  const how = { failures: 1, verify: 0 }
  const broken = await explore({
    ...how,
    simulation: () => ({ ...countingKeys(), store }),
    seeds: 100,
    faults: ['stall', 'freeze'],
  })
  const [first] = broken.failures
  assert.ok(first !== undefined, 'not found')
  assert.ok(first.kind === 'violated' && first.invariant === ONE_MORE, describeOutcome(first))
  t.diagnostic(`seed ${first.seed}`)
})
