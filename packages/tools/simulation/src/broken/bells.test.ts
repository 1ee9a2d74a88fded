import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, explore } from '../simulation.ts'
import { ONCE, ringing } from './bells.test-support.ts'
import { rewriting, type Statement } from './rewriting.test-support.ts'

/** So that whoever stands still for a moment loses its run, while it goes on. */
const shortLease = ({ sql, values }: Statement): Statement => ({
  sql,
  values: values.map((value) => (value === 15_000 ? 400 : value)),
})

/** A run's transaction marks its tick, whosever the run is by now. */
function withoutFence({ sql, values }: Statement): Statement {
  const mine = ' AND epoch = ? AND owner IS NOT NULL'
  return sql.includes('SET committed = 1') ? { sql: sql.replace(mine, ''), values: values.slice(0, -1) } : { sql, values }
}

test('a schedule of several copies runs once at each of its times, whatever befalls them', { timeout: 600_000 }, async () => {
  const { failures, sometimes } = await explore({ simulation: () => ringing(), seeds: 30, failures: 3, verify: 1 })
  assert.deepEqual(failures.map(describeOutcome), [])
  for (const seen of ringing().expects!) assert.ok(sometimes[seen] !== undefined, seen)
})

test('schedules, found: a run that was taken over commits', { timeout: 600_000 }, async (t) => {
  const how = { failures: 1, verify: 0 }
  const store = rewriting('dure_schedules', (statement) => withoutFence(shortLease(statement)))
  const broken = await explore({ ...how, simulation: () => ringing({ store }), seeds: 100 })
  const [first] = broken.failures
  assert.ok(first !== undefined, 'not found')
  assert.ok(first.kind === 'violated' && first.invariant === ONCE, describeOutcome(first))
  const sound = rewriting('dure_schedules', shortLease)
  const { failures } = await explore({ ...how, simulation: () => ringing({ store: sound }), seeds: broken.seeds })
  assert.deepEqual(failures.map(describeOutcome), [])
  t.diagnostic(`seed ${first.seed}`)
})
