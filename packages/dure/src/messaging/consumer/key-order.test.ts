import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Message } from '../../contract/contract.ts'
import { numbered } from '../numbered.conformance.ts'
import { inOrderOfKeys } from './key-order.ts'

const clockAt = (at: { now: number }) => ({ monotonic: () => at.now })
const numberOf = ({ data }: Message): number => (JSON.parse(data) as { n: number }).n

test('what went back is done before what came later of its key, in whatever order it comes again', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('a', 'b', ''), { minLength: 1, maxLength: 20 }),
      fc.infiniteStream(fc.boolean()),
      fc.infiniteStream(fc.nat(19)),
      async (keys, fails, draws) => {
        const done: Message[] = []
        let troubles = 0
        const take = inOrderOfKeys({
          handle: async (message) => {
            if (troubles < 60 && fails.next().value === true) {
              troubles++
              throw new Error('the store is full')
            }
            done.push(message)
          },
          clock: clockAt({ now: 0 }),
          alone: true,
        })
        const queue = keys.map((key, n) => numbered('jobs', key, n))
        // The first time in the order in which it was sent, several at once; then in any.
        let next = 0
        const again: Message[] = []
        while (next < queue.length || again.length > 0) {
          const some = next < queue.length ? queue.slice(next, (next += 3)) : []
          for (let n = again.length === 0 ? 0 : 2; n > 0 && again.length > 0; n--)
            some.push(...again.splice(draws.next().value! % again.length, 1))
          const outcomes = await Promise.allSettled(some.map(take))
          outcomes.forEach((one, at) => one.status === 'rejected' && again.push(some[at]!))
        }
        assert.equal(done.length, queue.length)
        for (const key of ['a', 'b']) {
          const numbers = done.filter((one) => one.key === key).map(numberOf)
          assert.deepEqual(
            numbers,
            numbers.toSorted((a, b) => a - b),
          )
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('what never comes again is waited for half a minute; where others receive as well, not at all', async () => {
  const at = { now: 0 }
  const done: number[] = []
  const handle = async (message: Message): Promise<void> => {
    if (numberOf(message) === 0) throw new Error('the store is full')
    done.push(numberOf(message))
  }
  const [lost, later] = [numbered('jobs', 'a', 0), numbered('jobs', 'a', 1)]
  const take = inOrderOfKeys({ handle, clock: clockAt(at), alone: true })
  await assert.rejects(take(lost), /the store is full/)
  await assert.rejects(take(later), /came earlier went back to the queue/)
  at.now = 29_000
  await assert.rejects(take(later), /came earlier went back to the queue/)
  at.now = 31_000
  await take(later)
  const shared = inOrderOfKeys({ handle, clock: clockAt(at), alone: false })
  await assert.rejects(shared(lost), /the store is full/)
  await shared(later)
  assert.deepEqual(done, [1, 1])
})
