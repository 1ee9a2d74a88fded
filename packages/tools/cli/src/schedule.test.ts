import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { ScheduleDecision, ScheduleReading } from 'dure/schedule'
import { dure, startHere, temporary } from './shell.test-support.ts'

async function begin(t: TestContext, ...flags: readonly string[]) {
  const data = temporary()
  const running = await startHere('nightly.system.test-support.ts', '--data', data, ...flags)
  t.after(() => running.stop())
  const schedule = (...args: string[]): ReturnType<typeof dure> => dure(['schedule', ...args, '--data', data])
  const list = async (): Promise<ScheduleReading> =>
    (JSON.parse((await schedule('list', '--json')).out) as readonly ScheduleReading[])[0]!
  return { schedule, list }
}

const why = ['--reason', 'the books were wrong', '--by', 'ada']

test('a schedule is seen, run by hand, paused and resumed, and it is kept who and why', async (t) => {
  const { schedule, list } = await begin(t)
  assert.match((await schedule()).out, /books +yearly +waiting +0 3 1 1 \* +Asia\/Seoul/)
  assert.equal((await list()).last, undefined)
  assert.match((await schedule('run', 'yearly', ...why)).out, /"yearly" (will|runs)/)
  while ((await list()).last?.outcome !== 'done');
  assert.match((await schedule('list')).out, /done in/)
  assert.equal((await list()).last?.by, 'ada')
  assert.match((await schedule('pause', 'yearly', ...why)).out, /"yearly" is paused/)
  assert.equal((await list()).state, 'paused')
  assert.match((await schedule('resume', 'yearly', ...why)).out, /"yearly" runs next at \d{4}-/)
  assert.equal((await list()).state, 'waiting')
  const audit = JSON.parse((await schedule('audit', 'yearly', '--json')).out) as readonly ScheduleDecision[]
  assert.deepEqual(
    audit.map(({ action, by, reason }) => `${action} ${by} ${reason}`),
    ['resume', 'pause', 'run'].map((action) => `${action} ada the books were wrong`),
  )
})

test('a schedule that is not there is not run, and who says nothing about why is told to', async (t) => {
  const { schedule } = await begin(t)
  const gone = await schedule('run', 'weekly', ...why)
  assert.deepEqual([gone.code, /Cannot find schedule "weekly": there are yearly/.test(gone.err)], [1, true])
  assert.equal((await schedule('run', 'yearly')).code, 2)
})
