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
  assert.deepEqual(
    [live.current(), told],
    [
      1,
      [
        [2, 'two'],
        [1, 'two'],
      ],
    ],
  )
  refusing.stop()
  live.tell(2)
  assert.deepEqual([live.current(), told.at(-1)], [2, 2])
})

test('a part that is changed in place is as it was before those who had begun with it hear of it again', () => {
  const one = { a: 1 }
  const live = createLive(one)
  const seen: number[] = []
  live.watch(({ a }) => void seen.push(a))
  live.watch(({ a }) => {
    if (a === 2) throw new Error('not 2')
  })
  one.a = 2
  assert.throws(() => live.tell(one, undefined, () => void (one.a = 1)), /not 2/)
  assert.deepEqual(seen, [2, 1])
})
