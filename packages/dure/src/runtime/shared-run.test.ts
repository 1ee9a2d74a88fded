import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sharedRun } from './internal.ts'

test('whoever asks while work is under way shares the next run, also when the one before fails', async () => {
  const ends: { readonly resolve: (run: number) => void; readonly reject: (error: Error) => void }[] = []
  const ask = sharedRun(() => {
    const { promise, ...end } = Promise.withResolvers<number>()
    ends.push(end)
    return promise
  })
  assert.equal(ask.pending(), undefined)
  const first = ask()
  const others = [ask(), ask()]
  assert.equal(ends.length, 1)
  assert.equal(ask.pending(), others[0])
  const failed = assert.rejects(first, /away/)
  ends[0]!.reject(new Error('away'))
  await failed
  await Promise.resolve()
  assert.equal(ends.length, 2)
  ends[1]!.resolve(2)
  assert.deepEqual(await Promise.all(others), [2, 2])
  assert.equal(ask.pending(), undefined)
})
