import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChildError } from './child.ts'
import { createPlacing, describeMove, type Move } from './placing.ts'
import { countedVisits } from './visits.test-support.ts'

function rig(place: (wanted: string) => Promise<Move>) {
  const told: string[] = []
  let finished = 0
  const { visit, visits } = countedVisits()
  const storm = createPlacing({
    ...{ rounds: 3, place, visit },
    finished: () => (finished += 100),
    signal: new AbortController().signal,
    onEvent: () => {},
    onMove: (move) => told.push(describeMove(move)),
  })
  return { storm, visits, told }
}

test('the order service goes in, out, and in again, one move a round', async () => {
  const asked: string[] = []
  const { storm, visits, told } = rig(async (wanted) => {
    asked.push(wanted)
    return {
      moved: { ms: 900, away: 310.4 },
      ...(asked.length === 2 && {
        report: { predicted: { latency: 0.1, processor: 0.02, memory: 104_857_600 } },
        change: { processor: 0.01, memory: 99_614_720, mean: [1, 1] },
      }),
    }
  })
  const { unnoticed } = await storm.run()
  assert.deepEqual(asked, ['order in stock', 'order out', 'order in stock'])
  assert.deepEqual([unnoticed!.rounds, unnoticed!.steps.map(({ name }) => name), visits()], [3, asked, 0])
  assert.deepEqual(told.slice(0, 2), [
    'order in stock: 900 ms, calls waited 310 ms',
    'order out: 900 ms, calls waited 310 ms; predicted and measured: memory 100 MB and 95 MB, processor about 2.0 % and 1.0 %',
  ])
})

test('a marketplace in which nothing can be moved ends the run', async () => {
  const { storm, visits } = rig(async () => {
    throw new ChildError('"dure place" failed')
  })
  await assert.rejects(storm.run(), /"dure place" failed/)
  assert.equal(visits(), 0)
})
