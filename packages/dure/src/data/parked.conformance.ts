import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store } from './database.ts'
import type { DeadLetterDecision, Fence, ParkedMessage } from './records.ts'
import { inWorld, type World } from './world.conformance.ts'

const CONSUMER = 'stock/reserve'
const ended = { crashes: 0, wait: 0, error: 'no', group: 'g', at: 1 }

/** Registers the cases of parked messages: whose they are, and that nobody writes what is not as they saw it. */
export function parkedConformance(module: URL): void {
  const check = (what: string, run: (world: World<Store>) => Promise<void>): void =>
    void test(what, { timeout: 30_000 }, () => inWorld<Store>(module, run))

  check('parked messages are of a partition, and are counted over all of them', async ({ open }) => {
    const store = await open()
    const { parked } = store.records
    await add(store, [message('a', 0), message('b', 0), message('c', 0, { key: 'other' }), message('d', 1, { key: 'third' })])
    await add(store, [message('e', -1, { key: 'work', state: 'dead', firstFailure: 5, lastFailure: 6 })])
    const keysOf = async (partition: number) =>
      (await parked.keys({ consumer: CONSUMER, partition })).map(({ key, count }) => `${key} ${count}`).toSorted()
    assert.deepEqual(await Promise.all([0, 1, 2, -1].map(keysOf)), [['key 2', 'other 1'], ['third 1'], [], ['work 1']])
    assert.deepEqual(await parked.totals(), [{ consumer: CONSUMER, waiting: 4, deadLetters: 1, held: 0, oldest: 5 }])
    assert.deepEqual(await parked.letters(), [{ consumer: CONSUMER, partition: -1, letters: 1 }])
  })

  check('whatever is written of a parked message in an epoch of the past is refused, and not done', async ({ open }) => {
    const store = await open()
    const { parked } = store.records
    const before = await fenceOf(store)
    await add(store, [message('a', 0)], before)
    const now = await fenceOf(store)
    const its = { consumer: CONSUMER, messageId: 'a', revision: 0 }
    const late = { ...its, fence: before }
    const refused = { name: 'FencedError' }
    await assert.rejects(add(store, [message('b', 0)], before), refused)
    await assert.rejects(
      store.transaction((tx) => parked.begin(tx, { ...late, lease: 0 })),
      refused,
    )
    await assert.rejects(
      store.transaction((tx) => parked.finish(tx, late)),
      refused,
    )
    await assert.rejects(
      store.transaction((tx) => parked.fail(tx, { ...late, ...ended, started: 1, state: 'dead' })),
      refused,
    )
    const [left, ...more] = await parked.read({ consumer: CONSUMER, key: 'key', limit: 9 })
    assert.deepEqual([left!.started, left!.revision, left!.state, more.length], [0, 0, 'waiting', 0])
    assert.equal(await store.transaction((tx) => parked.begin(tx, { ...its, fence: now, lease: 0 })), true)
    assert.equal(await store.transaction((tx) => parked.finish(tx, { ...its, revision: 1, fence: now })), true)
    // Gone is not the same as somebody else's.
    assert.equal(await store.transaction((tx) => parked.finish(tx, { ...its, revision: 1, fence: now })), false)
  })

  check(
    'work that is parked is not marked by who else has received it; other work is, and what is parked as its try ends',
    async ({ open }) => {
      const store = await open()
      const { parked, inbox } = store.records
      await add(store, [message('a', -1)])
      const markOf = (id: string, unparked = true) => ({ consumer: CONSUMER, messageId: id, unparked })
      const mark = (ids: readonly string[]) =>
        store.transaction((tx) => inbox.mark(tx, { marks: ids.map((id) => markOf(id)), at: 1 }))
      assert.deepEqual([await mark(['a']), await mark(['a', 'b', 'c']), await mark(['b'])], [0, 2, 0])
      const other = { ...markOf('a'), consumer: 'stock/other' }
      assert.equal(await store.transaction((tx) => inbox.mark(tx, { marks: [other, markOf('d', false)], at: 1 })), 2)
      const its = { consumer: CONSUMER, messageId: 'a', revision: 0, fence: undefined }
      const tried = await store.transaction(async (tx) => [
        await parked.finish(tx, its),
        await inbox.mark(tx, { marks: [markOf('a')], at: 1 }),
      ])
      assert.deepEqual(tried, [true, 1])
    },
  )

  check('a message waits by the clock of the database: for its next try, and while another has it', async ({ open }) => {
    const store = await open()
    const { parked } = store.records
    const waits = async (): Promise<readonly (number | undefined)[]> => {
      const [[head], [key]] = await Promise.all([
        parked.read({ consumer: CONSUMER, key: 'key', limit: 1 }),
        parked.keys({ consumer: CONSUMER, partition: -1 }),
      ])
      return [head?.wait, key?.wait]
    }
    const within = (all: readonly (number | undefined)[], least: number, most: number): void => {
      for (const one of all) assert.ok(one !== undefined && one >= least && one <= most, `${one} is not from ${least} to ${most}`)
    }
    const HOUR = 3_600_000
    await add(store, [message('a', -1, { wait: HOUR })])
    within(await waits(), HOUR / 2, HOUR)
    const its = (revision: number) => ({ consumer: CONSUMER, messageId: 'a', revision, fence: undefined })
    await store.transaction((tx) => parked.begin(tx, { ...its(0), lease: 3 * HOUR }))
    within(await waits(), 2 * HOUR, 3 * HOUR)
    await store.transaction((tx) => parked.fail(tx, { ...its(1), ...ended, started: 1, state: 'waiting', wait: 5 * HOUR }))
    within(await waits(), 4 * HOUR, 5 * HOUR)
    await store.transaction((tx) => parked.begin(tx, { ...its(2), lease: 0 }))
    within(await waits(), 0, 1)
  })

  check('who saw an earlier revision changes nothing, though the tries are the same again', async ({ open }) => {
    const store = await open()
    const { parked, deadLetters } = store.records
    const its = (revision: number) => ({ consumer: CONSUMER, messageId: 'a', revision, fence: undefined })
    const begin = (revision: number) => store.transaction((tx) => parked.begin(tx, { ...its(revision), lease: 0 }))
    const fail = (revision: number, state: 'waiting' | 'dead') =>
      store.transaction((tx) => parked.fail(tx, { ...its(revision), ...ended, started: 1, state }))
    const decide = (decision: Partial<DeadLetterDecision>) =>
      store.transaction((tx) => deadLetters.decide(tx, {}, { at: 1, by: '', reason: 'r', ...decision } as DeadLetterDecision))
    await add(store, [message('a', 0)])
    assert.deepEqual([await begin(0), await begin(0)], [true, false])
    // The second try of somebody who took over, and its end; the first one's is no end any more.
    assert.equal(await begin(1), true)
    assert.deepEqual([await fail(1, 'waiting'), await fail(2, 'dead'), await fail(2, 'dead')], [false, true, false])
    const [dead] = await deadLetters.list({}, { limit: 1 })
    const edited = { action: 'edit' as const, message: { ...dead!.message, data: '{"edited":true}' } }
    assert.equal(await decide({ ...edited, revision: dead!.revision - 1 }), 0)
    assert.equal(await decide({ ...edited, revision: dead!.revision }), 1)
    assert.equal(await decide({ ...edited, revision: dead!.revision }), 0, 'of two edits of the same the first counts')
    assert.equal(await decide({ action: 'retry' }), 1)
    const [head] = await parked.read({ consumer: CONSUMER, key: 'key', limit: 1 })
    assert.deepEqual([head!.started, head!.message.data], [0, '{"edited":true}'])
    assert.deepEqual([await begin(0), await store.transaction((tx) => parked.finish(tx, its(1)))], [false, false])
    assert.ok(head!.revision > dead!.revision)
    assert.equal(await begin(head!.revision), true)
  })

  check('what is known of single messages is told to whoever may look, and of no others', async ({ open }) => {
    const store = await open()
    const { lookup, inbox, idempotency, deadLetters } = store.records
    if (lookup === undefined) return
    await add(store, [message('a', 0), message('b', 0, { state: 'dead', lastFailure: 5 }), message('c', 0, { key: 'other' })])
    await store.transaction(async (tx) => {
      const marks = ['x', 'y', 'z'].map((messageId) => ({ consumer: CONSUMER, messageId }))
      await inbox.mark(tx, { marks: [...marks, { consumer: 'stock/other', messageId: 'x' }], at: 7 })
      for (const key of ['prepare:a:1', 'prepare:a:2', 'prepare:ab:1', 'given'])
        await idempotency.begin(tx, {
          operation: 'op',
          key,
          fingerprint: 'f',
          run: key,
          owner: 'm',
          lease: 0,
          instead: undefined,
        })
      await deadLetters.decide(tx, { ids: ['letter b'] }, { action: 'discard', at: 9, by: 'ann', reason: 'r', unmarked: '' })
    })
    const marked = (await lookup.marks(['x', 'z', 'none'])).map(({ consumer, messageId, at }) => `${consumer} ${messageId} ${at}`)
    assert.deepEqual(marked.toSorted(), ['stock/other x 7', `${CONSUMER} x 7`, `${CONSUMER} z 7`])
    const parkedOf = async (messageIds: readonly string[], keys: readonly string[], consumer = CONSUMER) =>
      (await lookup.parked({ consumers: [consumer], messageIds, keys }, 9)).map((one) => one.message.id).toSorted()
    assert.deepEqual(await parkedOf(['c'], []), ['c'])
    assert.deepEqual(await parkedOf([], ['key']), ['a'])
    assert.deepEqual(await parkedOf(['a'], ['other']), ['a', 'c'])
    assert.deepEqual(await parkedOf(['a'], ['other'], 'stock/other'), [])
    assert.equal((await lookup.parked({ consumers: [CONSUMER], messageIds: ['a', 'c'], keys: [] }, 1)).length, 1)
    const decided = (await lookup.decisions(['letter b', 'letter a'], 9)).map(({ letter, by, action }) => [letter, by, action])
    assert.deepEqual(decided, [['letter b', 'ann', 'discard']])
    const keys = (await lookup.commands({ operation: 'op', prefixes: ['prepare:a:'] }, 9)).map(({ key }) => key)
    assert.deepEqual(keys.toSorted(), ['prepare:a:1', 'prepare:a:2'])
    assert.deepEqual(await lookup.commands({ operation: 'op', prefixes: [] }, 9), [])
    assert.deepEqual(await lookup.outbox({ correlationIds: ['c'], keys: [], messageIds: [] }, 9), [])
  })
}

const add = (store: Store, messages: readonly ParkedMessage[], fence?: Fence): Promise<readonly ParkedMessage[]> =>
  store.transaction((tx) => store.records.parked.add(tx, messages, fence))

/** Of the partition 0, from now on. */
async function fenceOf(store: Store): Promise<Fence> {
  const place = { consumer: CONSUMER, topic: 'orders', partition: 0 }
  const claim = { ...place, member: 'm', broker: 'broker', token: 1 }
  const raised = await store.transaction((tx) => store.records.ownership.raise(tx, claim))
  return { ...place, epoch: raised!.epoch }
}

function message(id: string, partition: number, more: Partial<ParkedMessage> = {}): ParkedMessage {
  const attributes = { source: 's', type: 'orders', time: 1, schemaVersion: 1, correlationId: 'c' }
  return {
    ...{
      consumer: CONSUMER,
      partition,
      key: 'key',
      revision: 0,
      state: 'waiting',
      started: 0,
      finished: 0,
      crashes: 0,
      wait: 0,
    },
    ...{ error: '', firstFailure: undefined, lastFailure: undefined, letter: `letter ${id}`, group: 'g' },
    message: { id, key: more.key ?? 'key', data: '{}', causationId: undefined, traceparent: undefined, ...attributes },
    ...more,
  }
}
