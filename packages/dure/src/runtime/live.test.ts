import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLive } from './live.ts'

test('what one refuses counts for nobody, and who had begun with it goes on with what was before', () => {
  const live = createLive<number, string>(1)
  const told: unknown[] = []
  live.watch((next, about) => void told.push(about === undefined ? next : [next, about]))
  const refusing = live.watch((next) => {
    if (next === 2) throw new Error('not 2')
  })
  assert.throws(() => live.tell(2, 'two'), /not 2/)
  assert.deepEqual([live.current(), told], [1, [[2, 'two'], 1]])
  refusing.stop()
  live.tell(2)
  assert.deepEqual([live.current(), told.at(-1)], [2, 2])
})
