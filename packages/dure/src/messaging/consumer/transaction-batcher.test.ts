import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adapterModule, rows } from '../../data/adapter.conformance.ts'
import { type SqlTransaction, type Store } from '../../data/data.ts'
import { createInbox } from '../../data/internal.ts'
import { gate, inWorld } from '../../data/world.conformance.ts'
import { virtualRuntime } from '../../runtime/runtime.ts'
import { createTransactionBatcher, type Share, type TransactionBatcher } from './transaction-batcher.ts'

const slow = { timeout: 60_000 }
const batcherOf = (store: Store): TransactionBatcher =>
  createTransactionBatcher({ store, inbox: createInbox({ runtime: virtualRuntime(), records: store.records.inbox }) })
let messages = 0
const share = (key: string, handle: Share['handle'], consumer = 'count'): Share => {
  return { consumer, key, messageId: `m${++messages}`, handle }
}

test('after one that fails, the others go on, and it has its messages alone', slow, () =>
  inWorld<Store>(adapterModule, async ({ open }) => {
    const batcher = batcherOf(await open())
    const begun = gate()
    const fail = (): never => {
      begun.open()
      assert.fail('no')
    }
    const failing = batcher([share('a', fail, 'failing')])
    await begun.opened
    const after = batcher([share('b', () => {})])
    assert.deepEqual(await Promise.all([failing, after]), ['alone', 'done'])
    // It has a transaction of its own until it succeeds.
    const outcomes = await Promise.all([batcher([share('a', () => {}, 'failing')]), batcher([share('b', () => {})])])
    assert.deepEqual(outcomes, ['done', 'done'])
  }),
)

test(
  'two copies that have the same keys in opposite orders write them in one order, so that neither holds what the other waits for',
  slow,
  () =>
    inWorld<Store>(adapterModule, async ({ open }) => {
      const stores = [await open()]
      if (stores[0]!.sharing === 'exclusive') return
      stores.push(await open())
      await stores[0]!.transaction(async (tx) => {
        for (const id of ['a', 'b']) await rows.insert(tx, 'orders', { id, total: 0 })
      })
      const both = gate()
      let begun = 0
      const orders = await Promise.all(
        [
          ['a', 'b'],
          ['b', 'a'],
        ].map(async (keys, at) => {
          let handled: string[] = []
          let begunIn: unknown
          const count = (key: string) =>
            share(key, async (tx) => {
              // It may be begun again.
              handled = begunIn === tx ? [...handled, key] : [key]
              begunIn = tx
              const writing = (tx as SqlTransaction).run('UPDATE orders SET total = total + 1 WHERE id = ?', [key])
              if (++begun >= 2) both.open()
              await writing
              await both.opened
            })
          assert.equal(await batcherOf(stores[at]!)(keys.map(count)), 'done')
          return handled
        }),
      )
      assert.deepEqual(orders, [
        ['a', 'b'],
        ['a', 'b'],
      ])
    }),
)

test('what had been marked before is rolled back with all that was done for it, and its reaction is not to blame', slow, () =>
  inWorld<Store>(adapterModule, async ({ open }) => {
    const store = await open()
    await store.transaction((tx) => rows.insert(tx, 'orders', { id: 'a', total: 0 }))
    const batcher = batcherOf(store)
    const add = (key: string): Share => share(key, async (tx) => void (await rows.insert(tx, 'orders', { id: key, total: 1 })))
    const known = add('b')
    await store.transaction((tx) => store.records.inbox.mark(tx, { marks: [known], at: 1 }))
    assert.equal(await batcher([known, add('c')]), 'alone')
    // Nor is one whose own failure was that it had been handled before.
    assert.equal(await batcher([{ ...known, handle: () => assert.fail('there already') }]), 'alone')
    const [leave, begun] = [gate(), gate()]
    const transactions = new Set<unknown>()
    const note = (name: string, consumer?: string): Share => share(name, (tx) => void transactions.add(tx), consumer)
    const holding = batcher([share('d', async () => (begun.open(), await leave.opened), 'other')])
    await begun.opened
    const sharing = [batcher([note('e')]), batcher([note('f', 'other')])]
    leave.open()
    assert.deepEqual(await Promise.all([holding, ...sharing]), ['done', 'done', 'done'])
    assert.equal(transactions.size, 1)
  }),
)
