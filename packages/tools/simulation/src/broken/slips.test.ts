import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store } from 'dure/data'
import { describeOutcome, explore, type FaultKind } from '../simulation.ts'
import { EDIT, filing } from './slips.test-support.ts'

/** Who has received it carries it out, though another has parked it and somebody has decided about it since. */
function whereverItIs(store: Store): Store {
  const { inbox } = store.records
  const mark: typeof inbox.mark = (tx, { marks, at }) =>
    inbox.mark(tx, { marks: marks.map((one) => ({ ...one, unparked: false })), at })
  return { ...store, records: { ...store.records, inbox: { ...inbox, mark } } }
}

const FAULTS: readonly FaultKind[] = ['stall', 'scaling', 'delay']
/** (From 1 on it takes 29 seeds.) */
const [FROM, SEEDS] = [28, 10]

test('work of a queue, found: it is done where it was received, though it is parked', { timeout: 300_000 }, async (t) => {
  const how = { failures: 1, verify: 0, faults: FAULTS, from: FROM }
  const broken = await explore({ ...how, simulation: () => filing(whereverItIs), seeds: SEEDS })
  const [found] = broken.failures
  assert.ok(found !== undefined, `not found in ${SEEDS} seeds`)
  assert.ok(found.kind === 'violated' && found.invariant === EDIT, describeOutcome(found))
  const sound = await explore({ ...how, simulation: () => filing(), seeds: broken.seeds })
  assert.deepEqual(sound.failures.map(describeOutcome), [])
  t.diagnostic(`seed ${found.seed}: ${found.invariant}`)
})
