import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { callers } from './recovery/callers.ts'

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

test('what cannot be run is said', async () => {
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
