import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createKeyQueue, type Turn } from './key-queue.ts'

/** Turns that note what becomes of them. */
function rig(limit: number) {
  const queue = createKeyQueue({ limit })
  const begun: string[] = []
  const moved: string[] = []
  const turns = new Map<string, { readonly key: string; readonly turn: Turn }>()
  const enter = (key: string, name: string): boolean => {
    const turn = { begin: () => void begun.push(name), moved: () => void moved.push(name) }
    const entered = queue.enter(key, turn)
    if (entered) turns.set(name, { key, turn })
    return entered
  }
  const end = (name: string): void => {
    const { key, turn } = turns.get(name)!
    queue.end(key, turn)
    turns.delete(name)
  }
  return { queue, begun, moved, turns, enter, end }
}

test('calls of a key come one after the other, of different keys at once, and as many wait as may', () => {
  const { queue, begun, enter, end } = rig(1)
  assert.deepEqual([enter('a', 'a1'), enter('a', 'a2'), enter('a', 'a3'), enter('b', 'b1')], [true, true, false, true])
  assert.deepEqual(begun, ['a1', 'b1'])
  end('a1')
  assert.deepEqual(begun, ['a1', 'b1', 'a2'])
  end('b1')
  end('a2')
  assert.equal(queue.size(), 0)
})

test('a queue that is closed tells those that wait, and is closed when those that have begun have ended', async () => {
  const { queue, begun, moved, enter, end } = rig(10)
  for (const name of ['a1', 'a2', 'a3']) enter('a', name)
  enter('b', 'b1')
  let closed = false
  const closing = queue.close().then(() => (closed = true))
  assert.deepEqual(moved, ['a2', 'a3'])
  assert.equal(enter('a', 'a4'), false)
  end('a1')
  await Promise.resolve()
  assert.equal(closed, false)
  end('b1')
  await closing
  assert.deepEqual(begun, ['a1', 'b1'])
  await createKeyQueue({ limit: 1 }).close()
})

test('whatever comes, ends and goes away: one at a time of each key, in the order in which they came, and nobody is forgotten', () => {
  const key = fc.constantFrom('a', 'b', 'c')
  const step = fc.oneof(
    fc.record({ what: fc.constant('enter' as const), key }),
    fc.record({ what: fc.constant('end' as const), at: fc.nat() }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { queue, begun, turns, enter, end } = rig(1_000)
      const gone = new Set<string>()
      const came = new Map<string, string[]>()
      for (const [number, each] of steps.entries()) {
        if (each.what === 'enter') {
          const name = `${each.key}${number}`
          enter(each.key, name)
          came.set(each.key, [...(came.get(each.key) ?? []), name])
        } else if (turns.size > 0) {
          // One that has begun has run, one that waits is given up.
          const name = [...turns.keys()][each.at % turns.size]!
          if (!begun.includes(name)) gone.add(name)
          end(name)
        }
        for (const each of ['a', 'b', 'c'])
          assert.ok([...turns].filter(([name, one]) => one.key === each && begun.includes(name)).length <= 1)
      }
      while (turns.size > 0) end([...turns.keys()].find((name) => begun.includes(name))!)
      for (const [of, names] of came)
        assert.deepEqual(
          begun.filter((name) => name.startsWith(of)),
          names.filter((name) => !gone.has(name)),
        )
      assert.equal(queue.size(), 0)
    }),
    { numRuns: 300 },
  )
})
