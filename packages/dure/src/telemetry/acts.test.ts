import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from '../contract/contract.ts'
import { virtualRuntime } from '../runtime/runtime.ts'
import { createActs, type Acts } from './internal.ts'
import type { Act } from './telemetry.ts'

const act = (subject: string) => ({ action: 'a', actor: 'ida', subject })

/** A log that can be away, and what it has. */
function rig() {
  const runtime = virtualRuntime()
  const written: Act[] = []
  const told: unknown[] = []
  let fault: CallError | undefined
  const acts: Acts = createActs({
    runtime,
    record: async (act) => {
      if (fault !== undefined) throw fault
      written.push(act)
    },
    log: { warn: (_, fields) => void told.push(fields) },
  })
  const lines = () => written.map(({ subject, outcome }) => `${subject} ${outcome}`)
  return { runtime, acts, written, told, lines, fails: (error: CallError | undefined) => void (fault = error) }
}
const away = new CallError('UNAVAILABLE', 'It is away')

test('what can wait is written before it is done, and not done when it cannot be written', async () => {
  const { acts, fails, lines } = rig()
  let done = 0
  const work = async (): Promise<number> => ++done
  assert.equal(await acts.first(act('x'), work, (count) => ({ count })), 1)
  await acts.settled()
  assert.deepEqual(lines(), ['x begun', 'x done'])
  fails(away)
  await assert.rejects(acts.first(act('y'), work), { code: 'UNAVAILABLE', message: /Nothing was done: "a".*It is away/ })
  assert.equal(done, 1)
})

test('what must not wait is done, and in the log once it is back, in its order, with the time it happened', async () => {
  const { acts, fails, lines, runtime, written, told } = rig()
  fails(away)
  const bad = new Error('Cannot')
  assert.equal(await acts.along(act('x'), async () => 7), 7)
  await assert.rejects(
    acts.along({ ...act('y'), personal: { reason: 'Kim' } }, async () => Promise.reject(bad)),
    bad,
  )
  await runtime.advance(5_000)
  assert.deepEqual(lines(), [])
  assert.ok(!JSON.stringify(told).includes('Kim') && JSON.stringify(told).includes('"subject":"y"'))
  fails(undefined)
  await runtime.advance(2_000)
  assert.deepEqual(lines(), ['x begun', 'x done', 'y begun', 'y failed'])
  assert.ok(written.every(({ about }) => typeof about!['happened'] === 'string'))
  assert.equal(written[3]!.about!['code'], 'Error')
  acts.note({ ...act('z'), outcome: 'done' })
  await acts.settled()
  assert.equal(written[4]!.about, undefined)
})

test('of more than can wait it is written how many there were; one that no log takes holds up nobody', async () => {
  const { acts, fails, runtime, written, lines } = rig()
  fails(away)
  for (let i = 0; i < 1_250; i++) acts.note({ ...act(String(i)), outcome: 'done' })
  fails(undefined)
  await runtime.advance(2_000)
  assert.equal(written.length, 1_001)
  assert.deepEqual([written[999]!.subject, written[1_000]!.action, written[1_000]!.about], ['999', 'acts.lost', { count: 250 }])
  fails(new CallError('INVALID_ARGUMENT', 'No line'))
  acts.note({ ...act('bad'), outcome: 'done' })
  await acts.settled()
  fails(undefined)
  acts.note({ ...act('good'), outcome: 'done' })
  await acts.settled()
  assert.equal(lines().at(-1), 'good done')
  assert.equal(written.length, 1_002)
})
