import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesOfEntry, entriesOf } from './entries.ts'
import { apply, emptyState, groupKey, readBack, written, type Change, type State } from './state.ts'

const PARTITIONS = 2
const small = fc.nat({ max: 40 })
const name = fc.constantFrom('a', 'b')
const record = fc.record({
  members: fc.array(fc.record({ id: fc.string() }), { maxLength: 2 }),
  partitions: fc.array(fc.record({ epoch: small, owner: fc.string() }, { requiredKeys: ['epoch'] }), {
    minLength: PARTITIONS,
    maxLength: PARTITIONS,
  }),
})
const positions = fc.array(small, { minLength: PARTITIONS, maxLength: PARTITIONS })
const retention = fc.record({ ms: fc.constantFrom(1, 1_000, Infinity), bytes: fc.constantFrom(1, Infinity) })
const group = { topic: name, group: name }
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ do: fc.constant('topic'), topic: name, state: fc.record({ partitions: small, retention }) } as const),
  fc.record({ do: fc.constant('queue'), queue: fc.string() } as const),
  fc.record({ do: fc.constant('group'), ...group, positions } as const),
  fc.record({ do: fc.constant('share'), ...group, record, revision: small } as const),
  fc.record({
    do: fc.constant('commit'),
    ...group,
    moves: fc.array(fc.tuple(fc.nat({ max: 3 }), small, small), { maxLength: 3 }),
  } as const),
  fc.record({ do: fc.constant('move'), ...group, revision: small, positions } as const),
  fc.record({ do: fc.constant('forget'), ...group, revision: small } as const),
  fc.record({ do: fc.constantFrom('nothing', 'of a later release' as 'nothing'), ...group } as const),
)

/** What a process reads that was written. */
function throughTheLog(offset: number, one: Change): { readonly offset: number; readonly change: Change } {
  const messages = [bytesOfEntry({ ...one, by: 'p', n: offset })]
  const [found] = entriesOf({ first: offset, end: offset + 1, time: 0, size: 0, messages })
  assert.ok(found !== undefined && found.entry.do !== 'snapshot')
  return { offset: found.offset, change: found.entry }
}

test('who began with what was written down knows what those know who read all', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), fc.nat(), (changes, cut) => {
      const all = changes.map((one, offset) => throughTheLog(offset, one))
      const [whole, early] = [emptyState(), emptyState()]
      for (const one of all) apply(whole, one.offset, one.change)
      const at = cut % (all.length + 1)
      for (const one of all.slice(0, at)) apply(early, one.offset, one.change)
      const late = readBack(written(early))
      const answers = all.slice(at).map((one) => [apply(early, one.offset, one.change), apply(late, one.offset, one.change)])
      for (const [first, second] of answers) assert.equal(first, second)
      assert.deepEqual(late, whole)
    }),
  )
})

test('a record changes for who names its revision, and a position for who has its epoch; nothing else moves them', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const state: State = emptyState()
      changes.forEach((one, offset) => {
        if (!('group' in one)) return apply(state, offset, one)
        const key = groupKey(one.topic, one.group)
        const before = state.groups.get(key)
        const taken = apply(state, offset, one)
        const after = state.groups.get(key)
        if (one.do === 'group') assert.equal(taken, before === undefined)
        else if (one.do === 'share' || one.do === 'move' || one.do === 'forget') {
          assert.equal(taken, before !== undefined && before.revision === one.revision)
          if (taken) assert.equal(after?.revision, one.do === 'forget' ? undefined : offset)
          else assert.deepEqual(after, before)
        } else if (one.do === 'commit' && before !== undefined) {
          assert.deepEqual(after?.record, before.record)
          for (const [partition, position] of after!.positions.entries()) {
            const own: readonly (readonly [number, number, number])[] = one.moves.filter(
              ([of, epoch]) => of === partition && epoch === before.record.partitions[of]!.epoch,
            )
            assert.equal(position, own.at(-1)?.[2] ?? before.positions[partition])
          }
        } else assert.deepEqual(after, before)
      })
    }),
  )
})
