import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, explore, type FaultKind } from '../simulation.ts'
import { simulation } from './queue.system.test-support.ts'

/** Seeds of each: a queue whose work waits for the wall clock is stuck, or early, in every fourth. */
type Case = readonly [name: string, seeds: number, rare: readonly string[], faults?: readonly FaultKind[]]
const CASES: readonly Case[] = [
  ['a clock that jumps', 15, ['work took longer than it may', 'work died'], ['clock jump']],
  ['every kind of fault', 25, ['work took longer than it may', 'work died', 'two presses had printed the same']],
]

for (const [name, seeds, rare, faults] of CASES) {
  test(`slow work from a queue is done once, in time and none of it is left, with ${name}`, { timeout: 300_000 }, async (t) => {
    const report = await explore({ simulation, seeds, ...(faults && { faults }), failures: 1 })
    assert.deepEqual(report.failures.map(describeOutcome), [])
    assert.equal(report.held, seeds)
    for (const what of rare) assert.ok((report.sometimes[what]?.seeds ?? 0) > 0, what)
    t.diagnostic(`${((report.seeds * 1_000) / report.processor).toFixed(1)} seeds a second on one core`)
  })
}
