import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { callers } from './recovery/callers.ts'
import { countEvents } from './recovery/rolling.ts'

const MAIN = join(import.meta.dirname, 'recovery', 'main.ts')

function recovery(...words: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--conditions=dure-source', MAIN, ...words], (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err })
    })
  })
}

test('one of two copies drained: nobody is failed, and the table says so', { timeout: 120_000 }, async () => {
  const { out, err } = await recovery('--only', 'drained, other', '--json')
  const { callers: count, rows } = JSON.parse(out || '{}')
  assert.equal(count, 16, err)
  // How long it took on this machine is not judged here.
  assert.deepEqual([rows.length, rows[0].failed, rows[0].calls > 100], [1, {}, true])
})

test(
  'copies replaced by a release with one more column, field, operation and event: no call fails, every event is handled once',
  { timeout: 240_000 },
  async () => {
    const { code, out, err } = await recovery('--rolling', '--seconds', '1', '--json')
    assert.equal(code, 0, err + out)
    const { failed, calls, events, handled, lost, doubled, strangers, deadLetters, refused } = JSON.parse(out)
    assert.deepEqual(
      { failed, lost, doubled, strangers, deadLetters },
      { failed: {}, lost: [], doubled: [], strangers: 0, deadLetters: 0 },
    )
    assert.equal(handled, events)
    assert.ok(calls > 300 && events > 200, out)
    assert.match(refused, /"003-without-place" takes away what older copies use, and 2 of them are running/)
  },
)

test('a letter that was not sent is lost, one that was sent again is doubled, and one that nobody waited for is neither', () => {
  const { lost, doubled, events, handled } = countEvents(
    { placed: ['a', 'b'], noted: ['b'] },
    { placed: ['a', 'a', 'a', 'c'], noted: ['b'] },
  )
  assert.deepEqual([lost, doubled, events, handled], [['placed b'], ['placed a', 'placed a'], 3, 3])
})

test('what cannot be run is said', async () => {
  assert.match((await recovery('--rolling', '--seconds', 'soon')).err, /^Cannot run --seconds soon/)
  const { code, err } = await recovery('--only', 'nothing')
  assert.deepEqual([code, err], [1, 'Cannot run --only "nothing": no case is called so\n'])
})

test('a pause is counted until the end, also of who never gets an answer', { timeout: 60_000 }, async () => {
  const stuck = Promise.withResolvers<number>()
  let asked = 0
  const calls = callers(2, async () => {
    await new Promise(setImmediate)
    return asked++ === 20 ? stuck.promise : 7
  })
  await calls.answered([7], 200)
  calls.begin()
  const begun = performance.now()
  await calls.answered([7], 200)
  const over = calls.end()
  const waited = performance.now() - begun
  stuck.reject(new Error('never'))
  assert.ok((await over).pause >= waited - 1)
})
