import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, explore, type FaultKind } from '../simulation.ts'
import { simulation } from './queue.system.ts'

/** Seeds of each: a queue whose work waits for the wall clock is stuck, or early, in every fourth. */
const CASES: readonly (readonly [name: string, seeds: number, faults: readonly FaultKind[] | undefined])[] = [
  ['a clock that jumps', 15, ['clock jump']],
  ['every kind of fault', 25, undefined],
]

const RARE: readonly string[] = ['work took longer than its lease', 'two presses had printed the same', 'work died']

for (const [name, seeds, faults] of CASES) {
  test(`slow work from a queue is done once, in time and none of it is left, with ${name}`, { timeout: 300_000 }, async (t) => {
    const report = await explore({ simulation, seeds, ...(faults && { faults }), failures: 1 })
    assert.deepEqual(report.failures.map(describeOutcome), [])
    assert.equal(report.held, seeds)
    for (const what of RARE) assert.ok((report.sometimes[what]?.seeds ?? 0) > 0, what)
    t.diagnostic(`${((report.seeds * 1_000) / report.processor).toFixed(1)} seeds a second on one core`)
  })
}
