import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SqlTransaction, Store } from 'dure/data'
import { describeOutcome, explore, type FaultKind, type Simulation } from '../simulation.ts'
import { keeping, type Mistake } from './ledger.test-support.ts'

/** What befalls copies of which none dies or stands still. */
const LIVING: readonly FaultKind[] = ['replacement', 'scaling', 'delay', 'redelivery', 'late batch']
const NO_CRASH = 'no try of a member that lives is booked as a crash'
/** Partitions that a topic may have here. */
const PARTITIONS = [0, 1, 2]

/** Also looks at tries that are said to have ended with their process, whoever says so. */
function looking(mistake: Mistake = (store) => store): Simulation {
  const crashes = new Set<string>()
  const noting = (store: Store): Store => {
    const { parked } = store.records
    const fail: typeof parked.fail = (tx, its) => {
      if (its.crashes > 0) crashes.add(its.messageId)
      return parked.fail(tx, its)
    }
    return { ...store, records: { ...store.records, parked: { ...parked, fail } } }
  }
  const inner = keeping((store, process) => mistake(noting(store), process))
  const check = (): void => assert.deepEqual([...crashes], [], 'messages whose tries ended with their process')
  return { ...inner, invariants: { [NO_CRASH]: check, ...inner.invariants } }
}

/** Whoever joins books a crash for each try that is under way, whosever it is. */
const crashAtJoin: Mistake = (store) => {
  const { ownership, parked } = store.records
  const raise: typeof ownership.raise = async (tx, claim) => {
    const { consumer } = claim
    for (const partition of PARTITIONS)
      for (const { key, started, finished } of await parked.keys({ consumer, partition })) {
        const [head] = started > finished ? await parked.read({ consumer, key, limit: 1 }) : []
        if (head === undefined) continue
        const { revision, crashes, group, message } = head
        const its = { consumer, messageId: message.id, revision, fence: undefined, started, group, wait: 0, at: 0 }
        const error = 'The process ended during it'
        await parked.fail(tx, { ...its, crashes: crashes + 1, state: crashes < 2 ? 'waiting' : 'dead', error })
      }
    return ownership.raise(tx, claim)
  }
  return { ...store, records: { ...store.records, ownership: { ...ownership, raise } } }
}

/** Each process counts epochs for itself, from 1. */
const epochsInMemory: Mistake = (store) => {
  const { ownership } = store.records
  const counts = new Map<string, number>()
  const raise: typeof ownership.raise = async (tx, claim) => {
    const raised = await ownership.raise(tx, claim)
    const { consumer, topic, partition } = claim
    const place = `${consumer} ${partition}`
    const epoch = (counts.get(place) ?? 0) + 1
    counts.set(place, epoch)
    await (tx as SqlTransaction).run('UPDATE dure_partitions SET epoch = ? WHERE consumer = ? AND topic = ? AND partition = ?', [
      epoch,
      consumer,
      topic,
      partition,
    ])
    return raised && { ...raised, epoch }
  }
  return { ...store, records: { ...store.records, ownership: { ...ownership, raise } } }
}

const MISTAKES: readonly (readonly [what: string, mistake: Mistake, found: readonly string[], faults?: readonly FaultKind[]])[] =
  [
    ['whoever joins books crashes of others', crashAtJoin, [NO_CRASH], LIVING],
    ['epochs are counted in memory', epochsInMemory, ['no epoch of the past commits', 'epochs only grow']],
  ]
const SEEDS = 60

for (const [what, mistake, found, faults] of MISTAKES) {
  test(`copies of a ledger, found: ${what}`, { timeout: 300_000 }, async (t) => {
    const of = (own?: Mistake) => () => (faults === undefined ? keeping(own) : looking(own))
    const broken = await explore({ simulation: of(mistake), seeds: SEEDS, failures: 1, verify: 0, faults })
    const [first] = broken.failures
    assert.ok(first !== undefined, `not found in ${SEEDS} seeds`)
    assert.ok(first.kind === 'violated' && found.includes(first.invariant), describeOutcome(first))
    const sound = await explore({ simulation: of(), seeds: broken.seeds, failures: 1, verify: 0, faults })
    assert.deepEqual(sound.failures.map(describeOutcome), [])
    t.diagnostic(`seed ${first.seed}: ${first.invariant}`)
  })
}
