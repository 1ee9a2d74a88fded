import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store } from 'dure/data'
import { describeOutcome, explore, type Outcome } from '../simulation.ts'
import { shopping } from '../shop.test-support.ts'

const REPLICAS = { mail: 2, stock: 2 }

/** What does not hold when an effect happens twice. */
const ONCE = ['what is sold and what is left make what there was', 'every order gets its letters, once and in order']

/** Mistakes of a store that copies share, and by what each is found. */
const MISTAKES: readonly (readonly [what: string, mistake: (store: Store) => Store, found: (outcome: Outcome) => boolean])[] = [
  [
    'epochs that do not grow',
    (store) => {
      const { ownership } = store.records
      const raise: typeof ownership.raise = async (tx, claim) => {
        const raised = await ownership.raise(tx, claim)
        return raised && { ...raised, epoch: 1 }
      }
      return { ...store, records: { ...store.records, ownership: { ...ownership, raise } } }
    },
    (outcome) => outcome.kind === 'stuck',
  ],
  [
    'messages are not marked in the transaction of their effect',
    (store) => {
      const inbox = {
        ...store.records.inbox,
        mark: async (_tx: unknown, { marks }: { readonly marks: readonly unknown[] }) => marks.length,
      }
      return { ...store, records: { ...store.records, inbox } }
    },
    // Whichever of an effect's two places shows it first.
    (outcome) => outcome.kind === 'violated' && ONCE.includes(outcome.invariant),
  ],
]

for (const [what, store, found] of MISTAKES) {
  test(`with copies, found: ${what}`, { timeout: 300_000 }, async (t) => {
    const simulation = () => ({ ...shopping()(), store, faults: ['redelivery', 'scaling', 'stall'] as const })
    const { failures } = await explore({ simulation, replicas: REPLICAS, seeds: 6, failures: 1, verify: 0 })
    const [first] = failures
    assert.ok(first !== undefined && found(first), first === undefined ? 'not found' : describeOutcome(first))
    t.diagnostic(`seed ${first.seed}: ${describeOutcome(first).split('\n', 1)[0]!}`)
  })
}

test('the shop with copies holds, whatever befalls it', { timeout: 300_000 }, async () => {
  const report = await explore({ simulation: shopping(), replicas: { ...REPLICAS, orders: 2 }, seeds: 6, failures: 1, verify: 6 })
  assert.deepEqual(report.failures.map(describeOutcome), [])
  assert.ok(report.verified >= 1)
})
