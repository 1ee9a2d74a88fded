import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, explore, loadSimulation, type Simulation } from '@dure/simulation'
import { DATA, WORKLOAD } from './invariants.ts'
import { simulation as noInbox } from './no-inbox.ts'
import { EXPECTED } from './rare.ts'
import { marketplace } from '../system.ts'
import { marketplaceSimulation } from './simulation.ts'

/** Seeds that are run here; elsewhere it is thousands: `dure sim examples/marketplace/system.ts --seeds 10000`. */
const SEEDS = 16

const simulation = (): Simulation => marketplaceSimulation(marketplace)

test('the marketplace holds, whatever befalls it', { timeout: 300_000 }, async (t) => {
  const report = await explore({ simulation, seeds: SEEDS, from: 1, failures: 1 })
  assert.deepEqual(report.failures.map(describeOutcome), [])
  assert.equal(report.held, SEEDS)
  for (const what of ['a payment was declined', 'a reservation was given back', 'the inbox knew a message', 'fault: crash']) {
    assert.ok((report.sometimes[what]?.seeds ?? 0) > 0, `"${what}" was never seen`)
  }
  // What is expected was seen, or is named among what never was: so few seeds do not see everything.
  for (const what of EXPECTED) assert.equal(report.never.includes(what), report.sometimes[what] === undefined, what)
  t.diagnostic(`${((report.seeds * 1_000) / report.processor).toFixed(1)} seeds a second on one core`)
})

test('a service that counts outside of its inbox is found, by what customers are told', { timeout: 300_000 }, async (t) => {
  const { failures, seeds } = await explore({ simulation: noInbox, seeds: SEEDS, from: 1, failures: 1, verify: 0 })
  const [found] = failures
  assert.ok(found?.kind === 'violated', `not found in ${SEEDS} seeds`)
  assert.match(found.invariant, /^success \+ failed counts|^packages delivered = customers' delivery counts/)
  t.diagnostic(`seed ${found.seed}, the ${seeds}. that was tried: ${found.message}`)
})

test('dure sim finds the simulation of the system, and everything it checks has a name', async () => {
  const { simulation: source, system, expects } = await loadSimulation(new URL('../system.ts', import.meta.url).href)
  assert.equal(system, undefined)
  const loaded = typeof source === 'function' ? await source() : source
  assert.ok(expects.length > 0)
  assert.deepEqual(Object.keys(loaded.invariants), ['every service answers', ...WORKLOAD, ...DATA])
})
