import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChildError } from './child.ts'
import { createScaling } from './scaling.ts'
import { countedVisits } from './visits.test-support.ts'

function rig(scale: (wanted: string) => Promise<void>) {
  let finished = 0
  const { visit, visits } = countedVisits()
  const storm = createScaling({
    ...{ rounds: 2, replicas: { order: 3, stock: 2 }, scale },
    finished: () => (finished += 100),
    signal: new AbortController().signal,
    visit,
    onEvent: () => {},
  })
  return { storm, visits }
}

test('every round goes one up, down to one, and back', async () => {
  const asked: string[] = []
  const { storm, visits } = rig(async (wanted) => void asked.push(wanted))
  const { unnoticed } = await storm.run()
  const round = ['order=4,stock=3', 'order=1,stock=1', 'order=3,stock=2']
  assert.deepEqual(asked, [...round, ...round])
  assert.deepEqual([unnoticed!.rounds, unnoticed!.steps.map(({ name }) => name), visits()], [2, asked, 0])
})

test('a marketplace that cannot be scaled ends the run, and nobody is left who still visits', async () => {
  const { storm, visits } = rig(async () => {
    throw new ChildError('"dure scale" failed')
  })
  await assert.rejects(storm.run(), /"dure scale" failed/)
  assert.equal(visits(), 0)
})
