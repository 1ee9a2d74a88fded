import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { shareOut, spotKey, type Claim, type Spot } from './assignment.ts'
import { aheadOf, countAhead, offsetsOf, readNote, writeNote } from './offsets.ts'

/** Members of a group of one topic that join again and again, as they do when each gives back what it no longer has. */
function settle(members: readonly string[], partitions: number, before: ReadonlyMap<string, readonly Spot[]>) {
  let shares = before
  for (let generation = 1; ; generation++) {
    const claims = members.map((member): Claim => {
      return { member, topics: ['t'], owned: shares.get(member) ?? [], generation, refused: [] }
    })
    const next = shareOut(claims, new Map([['t', partitions]]))
    // Nobody is given what another still has.
    for (const [member, share] of next)
      for (const spot of share)
        for (const other of claims)
          assert.ok(other.member === member || !other.owned.some((one) => spotKey(one) === spotKey(spot)))
    const isSame = members.every((member) => next.get(member)!.length === (shares.get(member) ?? []).length)
    if (isSame) return next
    assert.ok(generation < 5, 'it does not settle')
    shares = next
  }
}

test('partitions are shared out evenly, each to one member, and who has one keeps it as far as that is fair', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 0, max: 20 }),
      (first, then, partitions) => {
        const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `m${n}`)
        const before = settle(names(first), partitions, new Map())
        const after = settle(names(then), partitions, before)
        const sizes = [...after.values()].map(({ length }) => length)
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1)
        assert.equal(new Set([...after.values()].flat().map(spotKey)).size, partitions)
        for (const member of names(Math.min(first, then))) {
          const had = before.get(member)!.map(spotKey)
          const kept = after.get(member)!.filter((spot) => had.includes(spotKey(spot))).length
          assert.equal(kept, Math.min(had.length, after.get(member)!.length))
        }
      },
    ),
  )
})

test('who gave a partition back is not given it while another is there', () => {
  const [a, b] = ['a', 'b'].map((member): Claim => ({ member, topics: ['t'], owned: [], generation: -1, refused: [] })) as [
    Claim,
    Claim,
  ]
  const spot = { topic: 't', partition: 0 }
  assert.deepEqual(shareOut([{ ...a, refused: [spot] }, b], new Map([['t', 1]])).get('b'), [spot])
  assert.deepEqual(shareOut([{ ...a, refused: [spot] }], new Map([['t', 1]])).get('a'), [spot])
})

test('what is noted beside a position is read back, and what is done behind it', () => {
  fc.assert(
    fc.property(fc.nat(1e9), fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { maxLength: 100 }), (first, behind) => {
      const done = behind.map((one) => first + one)
      const ahead = aheadOf(first, done)
      const note = { epoch: 7, broker: 'b', lost: 3, ahead }
      assert.deepEqual(readNote(writeNote(note)), note)
      assert.deepEqual(
        [...offsetsOf(first, ahead)],
        done.toSorted((x, y) => x - y),
      )
      assert.equal(countAhead(ahead), done.length)
      assert.ok(writeNote(note).length < 4_096)
    }),
  )
  assert.equal(readNote(''), undefined)
  assert.equal(readNote('of others'), undefined)
})
