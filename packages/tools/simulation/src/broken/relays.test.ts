import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, explore, type FaultKind, type Simulation } from '../simulation.ts'
import { keeping, LOST } from './ledger.test-support.ts'
import { tableRelay, type removals, type Shared } from './relays.test-support.ts'

const FAULTS: readonly FaultKind[] = ['scaling', 'slow disk', 'delay']
/** (From 1 on it takes 20 seeds.) */
const [FROM, SEEDS] = [15, 30]

/** A bank in two copies with an outbox of its own kind. */
function relaying(removal: keyof typeof removals): Simulation {
  const shared: Shared = { leader: '', until: 0, last: 0 }
  const simulation = keeping(undefined, {
    store: (store, { runtime }) =>
      store.service !== 'bank'
        ? store
        : { ...store, outbox: async (options) => tableRelay(options, { shared, runtime, removal }) },
  })
  return { ...simulation, replicas: { ...simulation.replicas, bank: 2 } }
}

test(
  'copies of a bank, found: a relay removes what is not behind the last that it has delivered',
  { timeout: 300_000 },
  async (t) => {
    const how = { failures: 1, verify: 0, faults: FAULTS, from: FROM }
    const broken = await explore({ ...how, simulation: () => relaying('upToTheLast'), seeds: SEEDS })
    const [found] = broken.failures
    assert.ok(found !== undefined, `not found in ${SEEDS} seeds`)
    assert.ok(found.kind === 'violated' && found.invariant === LOST, describeOutcome(found))
    const sound = await explore({ ...how, simulation: () => relaying('these'), seeds: broken.seeds })
    assert.deepEqual(sound.failures.map(describeOutcome), [])
    t.diagnostic(`seed ${found.seed}: ${found.invariant}`)
  },
)
