import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createWindow } from './feed.ts'
import { lastOf } from './records.ts'

test('of proposals that many write at once one counts, whoever throws away what is older, and nobody takes it back', () => {
  const step = fc.record({ who: fc.nat({ max: 3 }), what: fc.constantFrom('reads', 'proposes', 'looks', 'throws away') })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      type Proposal = { readonly id: number; readonly base: number }
      let queue: Proposal[] = [{ id: 0, base: 0 }]
      let ids = 0
      const winners = new Map<number, number>([[0, 0]])
      const writers = Array.from({ length: 4 }, () => ({ revision: 1, proposed: undefined as Proposal | undefined, won: 0 }))
      for (const { who, what } of steps) {
        const own = writers[who]!
        if (what === 'reads') own.revision = lastOf(queue)!.base + 1
        if (what === 'proposes') queue.push((own.proposed = { id: ++ids, base: own.revision }))
        if (what === 'looks' && own.proposed !== undefined && lastOf(queue)!.id === own.proposed.id) own.won = own.proposed.base
        if (what === 'throws away') queue = queue.filter(({ base }) => base >= own.won)
        const current = lastOf(queue)!
        assert.equal(winners.get(current.base) ?? current.id, current.id, 'two have the same revision')
        winners.set(current.base, current.id)
        assert.equal(Math.max(...winners.keys()), current.base, 'it went back')
      }
    }),
    { numRuns: 500 },
  )
})

test('whatever the sizes of messages are, so many are in hand as there may be, in bytes those that a guess was wrong about more', () => {
  const [bytes, most] = [1_000, 50]
  fc.assert(
    fc.property(fc.array(fc.record({ size: fc.integer({ min: 1, max: 600 }), done: fc.nat({ max: 4 }) })), (messages) => {
      const window = createWindow(bytes, most)
      const inHand: number[] = []
      const largest = Math.max(1, ...messages.map(({ size }) => size))
      for (const { size, done } of messages) {
        const free = window.free()
        if (free > 0) window.ask(free)
        assert.ok(window.asked() + inHand.length > 0, 'nothing comes any more')
        assert.ok(window.asked() + inHand.length <= most, 'too many')
        if (window.asked() > 0) {
          window.came(size)
          inHand.push(size)
        }
        const sum = inHand.reduce((all, one) => all + one, 0)
        assert.ok(sum <= Math.max(bytes + largest, 16 * largest), `${sum} of ${bytes}`)
        for (const one of inHand.splice(0, done)) window.done(one)
      }
      window.reset()
      assert.equal(window.asked(), 0)
      assert.ok(window.free() > 0)
    }),
    { numRuns: 500 },
  )
})
