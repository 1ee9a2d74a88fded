import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { assignmentOf, SHARES, type Share } from './assignment.ts'

/** What members do who look one after the other and carry out what they find, until nobody has anything to do. */
function settle(members: readonly string[], owners: readonly (string | undefined)[]) {
  let shares: Share[] = owners.map((owner, share) => ({ share, epoch: 1, owner }))
  let moves = 0
  for (let round = 0; round < 20; round++) {
    const before = moves
    for (const me of members) {
      const mine = new Set(shares.filter(({ owner }) => owner === me).map(({ share }) => share))
      const { claim, release } = assignmentOf({ shares, members, me, mine, leaving: new Set() })
      moves += claim.length + release.length
      const claimed = new Set(claim.map(({ share }) => share))
      shares = shares.map((one) =>
        claimed.has(one.share)
          ? { ...one, epoch: one.epoch + 1, owner: me }
          : release.includes(one.share)
            ? { ...one, owner: undefined }
            : one,
      )
    }
    if (moves === before) break
  }
  return { shares, moves }
}

test('members share evenly, whoever had what before, and what need not move stays where it is', () => {
  const member = fc.integer({ min: 0, max: 9 }).map((n) => `m${n}`)
  const owners = fc.array(fc.option(member, { nil: undefined }), { minLength: SHARES, maxLength: SHARES })
  fc.assert(
    fc.property(fc.uniqueArray(member, { minLength: 1, maxLength: 8 }), owners, (members, before) => {
      const { shares } = settle(members, before)
      const counts = members.map((me) => shares.filter(({ owner }) => owner === me).length)
      assert.equal(
        counts.reduce((sum, one) => sum + one, 0),
        SHARES,
        'each share has an owner that is a member',
      )
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join())
      assert.equal(
        settle(
          members,
          shares.map(({ owner }) => owner),
        ).moves,
        0,
      )
    }),
    { numRuns: 100 },
  )
})

test('one that comes takes its part alone, and one that goes leaves the rest where it is', () => {
  const all = settle(
    ['a', 'b', 'c'],
    Array.from({ length: SHARES }, () => undefined),
  ).shares.map(({ owner }) => owner)
  const more = settle(['a', 'b', 'c', 'd'], all).shares.map(({ owner }) => owner)
  assert.equal(more.filter((owner, share) => owner !== all[share]).length, SHARES / 4)
  const less = settle(['a', 'c'], all).shares.map(({ owner }) => owner)
  for (const [share, owner] of all.entries()) if (owner !== 'b') assert.equal(less[share], owner)
})

test('what is being given back is not taken, and a member that is none gives all back', () => {
  const shares: Share[] = [0, 1, 2].map((share) => ({ share, epoch: 1, owner: 'me' }))
  const look = { shares, me: 'me', mine: new Set([0]), leaving: new Set([1]) }
  assert.deepEqual(
    assignmentOf({ ...look, members: ['me'] }).claim.map(({ share }) => share),
    [2],
  )
  assert.deepEqual(assignmentOf({ ...look, members: ['other'] }), { claim: [], release: [0] })
})
