import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SqlTransaction, SqlValue, Store } from 'dure/data'
import { describeOutcome, explore, type Simulation } from '../simulation.ts'
import { accounts, EFFECTS, MODEL, TRUE } from './accounts.test-support.ts'

/** What is kept of a state lacks what the last event has done: it is the state that was kept before. */
function skipping(): NonNullable<Simulation['store']> {
  const before = new Map<SqlValue, SqlValue>()
  const stale = (values: readonly SqlValue[]): readonly SqlValue[] => {
    const [stream, id, version, stamp, state] = values as [SqlValue, SqlValue, SqlValue, SqlValue, SqlValue]
    const kept = before.get(id) ?? state
    before.set(id, state)
    return [stream, id, version, stamp, kept]
  }
  const changed = (tx: SqlTransaction): SqlTransaction =>
    Object.assign(Object.create(tx) as SqlTransaction, {
      run: (sql: string, values: readonly SqlValue[] = []) =>
        tx.run(sql, sql.includes('INTO dure_snapshots') ? stale(values) : values),
    })
  return (store) => ({
    ...store,
    transaction: (work, options) => store.transaction((tx) => work(changed(tx as SqlTransaction)), options),
  })
}

/** What a read model has taken is not marked. */
function unmarked(store: Store): Store {
  if (!store.service.startsWith('report--')) return store
  const { inbox } = store.records
  return {
    ...store,
    records: { ...store.records, inbox: { ...inbox, mark: async (_, { marks }) => marks.length } },
  }
}

const MISTAKES: Readonly<
  Record<string, { readonly how: () => Parameters<typeof accounts>[0]; readonly found: string; readonly from?: number }>
> = {
  'a snapshot leaves out an event': { how: () => ({ store: skipping() }), found: TRUE },
  'a read model takes an event twice': { how: () => ({ store: unmarked }), found: MODEL },
  'what is built again is told again': { how: () => ({ outside: false }), found: EFFECTS },
}

/** Within so many seeds each is found. */
const SEEDS = 60

test('accounts hold, and all that there is of them is seen', { timeout: 600_000 }, async () => {
  const { failures, sometimes } = await explore({ simulation: () => accounts(), seeds: 10, failures: 3, verify: 1 })
  assert.deepEqual(failures.map(describeOutcome), [])
  for (const seen of accounts().expects!) assert.ok(sometimes[seen] !== undefined, seen)
})

for (const [what, { how: made, found, from }] of Object.entries(MISTAKES))
  test(`accounts, found: ${what}`, { timeout: 300_000 }, async (t) => {
    const how = { failures: 1, verify: 0, from }
    const broken = await explore({ ...how, simulation: () => accounts(made()), seeds: SEEDS })
    const [first] = broken.failures
    assert.ok(first?.kind === 'violated' && first.invariant === found, first === undefined ? 'not found' : describeOutcome(first))
    const sound = await explore({ ...how, simulation: () => accounts(), seeds: broken.seeds })
    assert.deepEqual(sound.failures.map(describeOutcome), [])
    t.diagnostic(`seed ${first.seed}: ${first.invariant}`)
  })
