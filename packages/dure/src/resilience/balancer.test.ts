import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../runtime/runtime.ts'
import { leastOfTwo } from './resilience.ts'

const loaded = (pending: number) => ({ pending: () => pending })

test('nobody, one and two to choose from', () => {
  const random = seededRandom(1)
  const busy = loaded(3)
  const idle = loaded(0)
  assert.equal(leastOfTwo([], random), undefined)
  assert.equal(leastOfTwo([busy], random), busy)
  for (let i = 0; i < 50; i++) assert.equal(leastOfTwo([busy, idle], random), idle)
})

test('the most loaded is never chosen while others have less, and everybody else is', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: 2, maxLength: 8 }), fc.integer(), (loads, seed) => {
      const random = seededRandom(seed)
      const members = loads.map(loaded)
      const most = Math.max(...loads)
      const alone = loads.filter((load) => load === most).length === 1
      const chosen = new Set(Array.from({ length: 400 }, () => leastOfTwo(members, random)))
      for (const [index, member] of members.entries()) {
        if (loads[index] === most && alone) assert.ok(!chosen.has(member))
        else assert.ok(chosen.has(member), `${loads.join(' ')}: member ${index} was never chosen`)
      }
    }),
    { numRuns: 60 },
  )
})

test('load that is put down one by one spreads evenly', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 10 }), fc.integer(), (count, seed) => {
      const random = seededRandom(seed)
      const members = Array.from({ length: count }, () => {
        const member = { load: 0, pending: () => member.load }
        return member
      })
      for (let i = 0; i < 1_000; i++) leastOfTwo(members, random)!.load++
      const loads = members.map(({ load }) => load)
      assert.ok(Math.max(...loads) - Math.min(...loads) <= 12, loads.join(' '))
    }),
    { numRuns: 60 },
  )
})
