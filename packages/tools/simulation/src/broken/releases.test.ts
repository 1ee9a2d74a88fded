import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, explore, simulate, type FaultKind, type Simulation, type SystemSource } from '../simulation.ts'
import { printing } from './releases.test-support.ts'

/** What befalls a system of which nobody dies: copies are replaced, answers are lost, batches are late and come again. */
const FAULTS: readonly FaultKind[] = ['replacement', 'delay', 'redelivery', 'late batch', 'lost publish answer']
const SEEDS = 5

test(
  'old and new release side by side: every message is done once and in order, and none dies',
  { timeout: 300_000 },
  async () => {
    const report = await explore({ simulation: () => printing(), seeds: SEEDS, faults: FAULTS, failures: 1, verify: 3 })
    assert.deepEqual(report.failures.map(describeOutcome), [])
    assert.deepEqual([report.refused, report.verified > 0], [0, true])
    assert.ok((report.sometimes['the old release answered after the new one had']?.seeds ?? 0) > SEEDS / 2)
  },
)

/** Whoever meets a message of a later version presumes that nobody else reads, and so nobody else would know it. */
const alone: NonNullable<Simulation['broker']> = (broker) => ({
  ...broker,
  lag: async () => (await broker.lag()).map((one) => ({ ...one, members: 1 })),
})

/** (From 1 on it takes 3 seeds.) */
const FROM = 4

test('old and new release side by side, found: who does not know a message parks it', { timeout: 300_000 }, async (t) => {
  // So long that old copies may be alone with what they do not know for longer than anybody waits for others.
  const broken = (): Simulation => ({ ...printing(90_000), broker: alone })
  const { failures } = await explore({ simulation: broken, from: FROM, seeds: SEEDS, faults: FAULTS, failures: 1, verify: 0 })
  const [found] = failures
  assert.ok(found !== undefined, `not found in ${SEEDS} seeds`)
  assert.ok(found.kind === 'violated' && found.invariant === 'no message has died', describeOutcome(found))
  t.diagnostic(`seed ${found.seed}: ${found.invariant}`)
})

test('a release before that has other services is refused in words', async () => {
  const whole = printing()
  const { before } = whole
  assert.ok(typeof before === 'function')
  const half: SystemSource = async (process) => {
    const made = await before(process)
    return { ...made, services: made.services.slice(1) }
  }
  const refused = simulate({ simulation: { ...whole, before: half }, seed: 1 })
  await assert.rejects(
    refused,
    /the release before has the services archive, and the system has archive, desk; give both the same/,
  )
})
