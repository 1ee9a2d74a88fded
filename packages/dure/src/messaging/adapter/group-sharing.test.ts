import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { range } from '../numbered.conformance.ts'
import type { GroupRecord } from './group-record.ts'
import { nextGroupRecord, wantedOwners } from './group-sharing.ts'

test('whoever comes, goes or dies: a partition has one owner, in a later epoch each time, and in the end all have as many', () => {
  const step = fc.record({ who: fc.nat({ max: 5 }), what: fc.constantFrom('comes', 'leaves', 'dies', 'looks') })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 40 }), (partitions, steps) => {
      let record: GroupRecord = { members: [], partitions: range(partitions).map(() => ({ epoch: 0 })) }
      let revision = 0
      const here = new Map<string, { leaving: boolean }>()
      /** What one member would write, when it has given back what is to be another's. */
      const look = (id: string): boolean => {
        const own = here.get(id)
        const wanted = wantedOwners(record)
        const next = nextGroupRecord(record, revision, {
          own: own === undefined || (own.leaving && !record.partitions.some(({ owner }) => owner === id)) ? [] : [{ id, ...own }],
          isOwn: (one) => one === id,
          isDead: (one) => !here.has(one),
          released: (one, at) => wanted[at] !== one,
          refused: () => false,
        })
        if (JSON.stringify(next) === JSON.stringify(record)) return false
        for (const [at, { owner, epoch }] of next.partitions.entries()) {
          const before = record.partitions[at]!
          if (owner !== undefined && owner !== before.owner) assert.ok(epoch > before.epoch, `${epoch} after ${before.epoch}`)
          // Nobody but its owner takes from who is alive.
          if (before.owner !== undefined && before.owner !== id && here.has(before.owner)) assert.equal(owner, before.owner)
        }
        record = next
        // The stream is shared with other groups.
        revision += 3
        return true
      }
      for (const { who, what } of steps) {
        const id = `m${who}`
        if (what === 'comes' && !here.has(id)) here.set(id, { leaving: false })
        if (what === 'dies') here.delete(id)
        if (what === 'leaves' && here.has(id)) here.get(id)!.leaving = true
        if (here.has(id)) look(id)
      }
      for (let rounds = 0; [...here.keys()].map(look).some(Boolean); rounds++) assert.ok(rounds < 50, 'it never settles')
      const staying = [...here].flatMap(([id, { leaving }]) => (leaving ? [] : [id]))
      const shares = staying.map((id) => record.partitions.filter(({ owner }) => owner === id).length)
      if (staying.length === 0) return
      assert.equal(
        shares.reduce((sum, one) => sum + one, 0),
        partitions,
      )
      assert.ok(Math.max(...shares) - Math.min(...shares) <= 1, shares.join())
      assert.deepEqual(record.members.map(({ id }) => id).toSorted(), staying.toSorted())
    }),
  )
})

test('a partition that its member does not know goes to the others first, and back when all were asked', () => {
  const members = ['a', 'b'].map((id) => ({ id }))
  const knowledge = (id: string) => ({
    ...{ own: [{ id, leaving: false }], isOwn: (one: string) => one === id, isDead: () => false },
    ...{ released: (one: string) => one === id, refused: (one: string) => one === id },
  })
  const first: GroupRecord = { members, partitions: [{ owner: 'a', epoch: 1 }] }
  const second = nextGroupRecord(first, 7, knowledge('a'))
  assert.deepEqual(second.partitions, [{ owner: 'b', epoch: 8, refused: ['a'] }])
  const third = nextGroupRecord(second, 9, knowledge('b'))
  assert.equal(third.partitions[0]!.epoch, 10)
  assert.equal(third.partitions[0]!.refused, undefined)
})
