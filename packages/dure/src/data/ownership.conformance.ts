import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store } from './database.ts'
import type { Claim, Fence, Raised } from './records.ts'
import { inWorld, type World } from './world.conformance.ts'

/** Registers the cases of who owns a partition: epochs grow, late ones are refused, ends are told from crashes. */
export function ownershipConformance(module: URL): void {
  const check = (what: string, run: (world: World<Store>) => Promise<void>): void =>
    void test(what, { timeout: 30_000 }, () => inWorld<Store>(module, run))

  check('a partition goes to the next member in a later epoch, over restarts too', async ({ open }) => {
    const before = await open()
    assert.deepEqual(await raise(before, { member: 'a', token: 5 }), first)
    assert.equal((await raise(before, { member: 'b', token: 6 }))?.epoch, 2)
    assert.equal((await raise(before, { partition: 1, member: 'b', token: 7 }))?.epoch, 1, 'each partition counts by itself')
    await before.stop()
    const after = await open()
    assert.notEqual(after.member, before.member)
    const third = await raise(after, { member: 'c', token: 8 })
    assert.deepEqual([third?.epoch, third?.before, third?.broker], [3, 'b', 'broker'])
  })

  check('of those that raise at once each has an epoch of its own', async ({ open }) => {
    const store = await open()
    const raised = await Promise.all(Array.from({ length: 8 }, (_, n) => raise(store, { member: `m${n}`, token: 1 })))
    assert.deepEqual(raised.map((one) => one?.epoch).toSorted(), [1, 2, 3, 4, 5, 6, 7, 8])
  })

  check(
    'who was given it by its broker before another is refused; what another broker counted says nothing',
    async ({ open }) => {
      const store = await open()
      await raise(store, { member: 'a', token: 5 })
      assert.equal(await raise(store, { member: 'late', token: 4 }), undefined)
      // The same assignment, told twice.
      assert.equal((await raise(store, { member: 'a', token: 5 }))?.epoch, 2)
      const other = await raise(store, { member: 'b', broker: 'another', token: 1 })
      assert.deepEqual([other?.epoch, other?.before, other?.broker], [3, 'a', 'broker'])
    },
  )

  check('members that did not give it back are counted, until one does or has been well for long', async ({ open }) => {
    const store = await open()
    let token = 0
    const next = async (member: string): Promise<Raised & { fence: Fence }> => {
      const raised = (await raise(store, { member, token: ++token }))!
      return { ...raised, fence: { consumer: 'stock/reserve', topic: 'orders', partition: 0, epoch: raised.epoch } }
    }
    const crashes = async (member: string): Promise<number> => (await next(member)).crashes
    assert.deepEqual([await crashes('a'), await crashes('b'), await crashes('c')], [0, 1, 2])
    // Who has lost it and has it again was there all the time.
    assert.equal(await crashes('c'), 0)
    const well = await next('d')
    assert.deepEqual([well.unclean, well.crashes], [true, 1])
    await store.transaction((tx) => store.records.ownership.well(tx, well.fence))
    const clean = await next('e')
    assert.deepEqual([clean.unclean, clean.crashes], [true, 1])
    await store.transaction((tx) => store.records.ownership.release(tx, clean.fence))
    const last = await next('f')
    assert.deepEqual([last.unclean, last.crashes, last.before], [false, 0, 'e'])
    // An end in an epoch of the past is no end of the member that has it now.
    await store.transaction((tx) => store.records.ownership.release(tx, clean.fence))
    assert.equal(await crashes('g'), 1)
  })

  check('a mark is new, made before, or of an epoch of the past, and of the last nothing is kept', async ({ open, rows }) => {
    const store = await open()
    const { inbox } = store.records
    const fenceOf = async (partition: number): Promise<Fence> => {
      const { epoch } = (await raise(store, { partition, member: 'a', token: 1 }))!
      return { consumer: 'stock/reserve', topic: 'orders', partition, epoch }
    }
    const mark = (fences: readonly (Fence | undefined)[], ids: readonly number[]): Promise<number> =>
      store.transaction((tx) => {
        const marks = ids.map((id) => ({ consumer: 'stock/reserve', messageId: `m${id}`, fence: fences[id % fences.length] }))
        return inbox.mark(tx, { marks, at: 1 })
      })
    const hundred = Array.from({ length: 100 }, (_, n) => n)
    // Work of queues is marked beside them, without an epoch.
    const fences = [await fenceOf(0), await fenceOf(1), undefined]
    assert.equal(await mark(fences, hundred), 100)
    assert.equal(await mark(fences, [7, 100, 8]), 1, 'two had been marked')
    await fenceOf(1)
    await assert.rejects(mark(fences, [101, 102, 103]), {
      name: 'FencedError',
      message: /partition 1 of "orders".*epoch 1 is over/,
    })
    await assert.rejects(
      mark(fences, [100]),
      { name: 'FencedError' },
      'who is late is told so, though the message had been marked',
    )
    assert.equal(await rows.count(store, 'dure_inbox'), 101)
    assert.equal(await mark([fences[0]], [101, 102, 103]), 3, 'the other partition goes on')
  })
}

const first: Raised = { epoch: 1, before: undefined, broker: undefined, unclean: false, crashes: 0 }

function raise(store: Store, claim: Partial<Claim> & Pick<Claim, 'member' | 'token'>): Promise<Raised | undefined> {
  const whole = { consumer: 'stock/reserve', topic: 'orders', partition: 0, broker: 'broker', ...claim }
  return store.transaction((tx) => store.records.ownership.raise(tx, whole))
}
