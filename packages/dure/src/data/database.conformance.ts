import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CallError } from '../contract/contract.ts'
import { crashConformance } from './crash.conformance.ts'
import type { SqlTransaction, Store, StoreTransaction } from './database.ts'
import { meetingConformance } from './meeting.conformance.ts'
import { migrationConformance } from './migrations.conformance.ts'
import { ownershipConformance } from './ownership.conformance.ts'
import { parkedConformance } from './parked.conformance.ts'
import { readConformance } from './reads.conformance.ts'
import { nameConformance } from './names.conformance.ts'
import { valueConformance } from './values.conformance.ts'
import { gate, inWorld, orderIds, type World } from './world.conformance.ts'

export type { AdapterModule } from './world.conformance.ts'

/**
 * Registers, with `node:test`, the cases that every database adapter must pass.
 * @param module a file that exports `openAdapter(world)`; a process that is killed imports it as well
 */
export function databaseConformance(name: string, module: URL): void {
  describe(`database conformance: ${name}`, () => {
    transactionConformance(module)
    sqlTransactionConformance(module)
    meetingConformance(module)
    readConformance(module)
    valueConformance(module)
    nameConformance(module)
    migrationConformance(module)
    ownershipConformance(module)
    parkedConformance(module)
    crashConformance(module)
  })
}

/** Registers the cases that every store must pass, of whatever kind: those of `databaseConformance` that are not about SQL. */
export function storeConformance(name: string, module: URL): void {
  describe(`store conformance: ${name}`, () => {
    transactionConformance(module)
    ownershipConformance(module)
    parkedConformance(module)
    crashConformance(module)
  })
}

function sqlTransactionConformance(module: URL): void {
  const check = (what: string, run: (world: World) => Promise<void>): void => void test(what, () => inWorld(module, run))
  const insert = (tx: SqlTransaction, id: string, total = 1): Promise<number> =>
    tx.run('INSERT INTO orders (id, total) VALUES (?, ?)', [id, total])

  check('a transaction commits its rows and answers with what its work returns', async ({ open }) => {
    const store = await open()
    const answer = await store.transaction(async (tx) => {
      await insert(tx, 'a')
      await tx.kysely.insertInto('orders').values({ id: 'b', total: 2 }).execute()
      const rows = await tx.all('SELECT id FROM orders WHERE total < ? ORDER BY id', [3])
      return rows.map((row) => row['id'])
    })
    assert.deepEqual(answer, ['a', 'b'])
    assert.deepEqual(await orderIds(store), ['a', 'b'])
  })

  check('updates made at once are all counted', async ({ open }) => {
    const store = await open()
    await store.transaction((tx) => insert(tx, 'counter', 0))
    await Promise.all(
      Array.from({ length: 200 }, () =>
        store.transaction((tx) => tx.run('UPDATE orders SET total = total + 1 WHERE id = ?', ['counter'])),
      ),
    )
    assert.deepEqual(await store.select('SELECT total FROM orders'), [{ total: 200 }])
  })

  check('SQL of a transaction that is over is refused', async ({ open }) => {
    const store = await open()
    const late = await store.transaction(async (tx) => tx)
    const over = { name: 'CallError', code: 'FAILED_PRECONDITION', message: /the transaction is over/ }
    await store.transaction(async () => {
      await assert.rejects(late.all('SELECT 1'), over)
      await assert.rejects(late.kysely.insertInto('orders').values({ id: 'c', total: 1 }).execute(), over)
    })
    assert.deepEqual(await orderIds(store), [])
  })
}

type Suite = World<Store> & {
  readonly insert: (tx: StoreTransaction, id: string) => Promise<unknown>
  readonly ids: (store: Store) => Promise<readonly string[]>
}

function transactionConformance(module: URL): void {
  const check = (what: string, run: (suite: Suite) => Promise<void>): void =>
    void test(what, () =>
      inWorld<Store>(module, (world) => {
        const { rows } = world
        const insert = (tx: StoreTransaction, id: string): Promise<unknown> => rows.insert(tx, 'orders', { id, total: 1 })
        return run({ ...world, insert, ids: (store) => orderIds(store, rows) })
      }),
    )

  check('a transaction is given no time that is none, and any other', async ({ open, insert, ids }) => {
    const store = await open()
    for (const timeout of [Number.NaN, 0, -1, -Infinity, 1e300, '5' as never, null as never])
      await assert.rejects(
        store.transaction(async () => assert.fail('It began'), { timeout }),
        (error) => error instanceof CallError && error.code === 'INVALID_ARGUMENT' && /"timeout" is/.test(error.message),
        String(timeout),
      )
    for (const timeout of [5_000.5, 2 ** 31 - 1, Infinity])
      await store.transaction((tx) => insert(tx, `a ${timeout}`), { timeout })
    assert.equal((await ids(store)).length, 3)
  })

  check('a transaction that throws leaves nothing and throws that very error', async ({ open, insert, ids }) => {
    const store = await open()
    const trouble = new Error('out of stock')
    await assert.rejects(
      store.transaction(async (tx) => {
        await insert(tx, 'a')
        throw trouble
      }),
      (error) => error === trouble,
    )
    assert.deepEqual(await ids(store), [])
  })

  check('whatever a transaction throws comes out, leaves nothing, and the store goes on', async ({ open, insert, ids }) => {
    const store = await open()
    const boom = (): never => {
      throw new Error('It does not let itself be read')
    }
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const unreadable = Object.defineProperty(new Error('x'), 'code', { get: boom })
    const thrown: unknown[] = [proxy, new Proxy({}, { get: boom, getPrototypeOf: boom }), unreadable, undefined, Symbol('s')]
    for (const [at, value] of thrown.entries()) {
      const outcome = await store
        .transaction(async (tx) => {
          await insert(tx, 'gone')
          throw value
        })
        .then(
          () => 'committed' as const,
          (error: unknown) => [error],
        )
      assert.ok(outcome !== 'committed' && outcome[0] === value, `thrown value ${at}`)
      await store.transaction((tx) => insert(tx, `kept ${at}`))
    }
    assert.deepEqual(
      await ids(store),
      thrown.map((_, at) => `kept ${at}`),
    )
  })

  check('of many transactions at once each is all or nothing by itself', async ({ open, insert, ids }) => {
    const store = await open()
    const outcomes = await Promise.allSettled(
      Array.from({ length: 300 }, (_, i) =>
        store.transaction(async (tx) => {
          const id = String(i).padStart(3, '0')
          await insert(tx, `${id}-first`)
          if (i % 3 === 0) throw new Error(`no ${i}`)
          // Refused by the engine itself, and not caught.
          if (i % 3 === 1) await insert(tx, `${id}-first`)
          await insert(tx, `${id}-second`)
        }),
      ),
    )
    const kept = outcomes.flatMap(({ status }, i) => (status === 'fulfilled' ? [String(i).padStart(3, '0')] : []))
    assert.deepEqual(
      kept,
      Array.from({ length: 100 }, (_, i) => String(i * 3 + 2).padStart(3, '0')),
    )
    assert.deepEqual(
      await ids(store),
      kept.flatMap((id) => [`${id}-first`, `${id}-second`]),
    )
  })

  check(
    'listeners hear of a commit once it is there, in order of commit, and never of a rollback',
    async ({ open, insert, ids }) => {
      const store = await open()
      const heard: number[] = []
      const committed: number[] = []
      await Promise.allSettled(
        Array.from({ length: 100 }, (_, i) =>
          store
            .transaction(async (tx) => {
              await insert(tx, String(i).padStart(3, '0'))
              tx.onCommit(() => heard.push(i))
              if (i % 4 === 0) throw new Error('no')
            })
            .then(() => committed.push(i)),
        ),
      )
      assert.deepEqual(heard, committed)
      assert.deepEqual(
        (await ids(store)).map(Number),
        heard.toSorted((a, b) => a - b),
      )
      assert.equal(heard.length, 75)
    },
  )

  check('what is done before the commit belongs to the transaction, and its failure too', async ({ open, insert, ids }) => {
    const store = await open()
    await store.transaction(async (tx) => {
      tx.beforeCommit(async () => void (await insert(tx, 'gathered')))
      await insert(tx, 'a')
    })
    const failing = store.transaction(async (tx) => {
      tx.beforeCommit(() => Promise.reject(new Error('no')))
      await insert(tx, 'b')
    })
    await assert.rejects(failing, /^Error: no$/)
    assert.deepEqual(await ids(store), ['a', 'gathered'])
  })

  check('what the work does not wait for belongs to the transaction, and its failure too', async ({ open, insert, ids }) => {
    const store = await open()
    await store.transaction(async (tx) => tx.alongside(insert(tx, 'a')))
    const failing = store.transaction(async (tx) => {
      await insert(tx, 'b')
      tx.alongside(insert(tx, 'a'))
    })
    await assert.rejects(failing)
    const caught = store.transaction(async (tx) => {
      tx.alongside(insert(tx, 'a'))
      await insert(tx, 'c').catch(() => {})
    })
    await assert.rejects(caught)
    assert.deepEqual(await ids(store), ['a'])
  })

  check('a transaction that is over cannot be used', async ({ open, insert, ids }) => {
    const store = await open()
    let leaked: StoreTransaction | undefined
    await store.transaction(async (tx) => {
      leaked = tx
    })
    const late = leaked!
    const over = { name: 'CallError', code: 'FAILED_PRECONDITION', message: /the transaction is over/ }
    // Another one is open meanwhile: the late ones must not slip into it.
    await store.transaction(async (tx) => {
      await insert(tx, 'a')
      await assert.rejects(insert(late, 'b'), over)
      assert.throws(() => late.onCommit(() => {}), over)
      assert.throws(() => late.beforeCommit(async () => {}), over)
      assert.throws(() => late.alongside(Promise.resolve()), over)
    })
    assert.deepEqual(await ids(store), ['a'])
  })

  check('a transaction that takes too long is rolled back, and those behind it go on', async ({ open, insert, ids }) => {
    const store = await open()
    const never = gate()
    const finished = gate()
    const slow = store.transaction(
      async (tx) => {
        // On a busy machine the time is up by then.
        await insert(tx, 'slow').catch(() => {})
        await never.opened
        await assert.rejects(insert(tx, 'late'), { message: /the transaction is over/ })
        finished.open()
      },
      { timeout: 20 },
    )
    const behind = store.transaction((tx) => insert(tx, 'behind'))
    await assert.rejects(
      slow,
      (error) => error instanceof CallError && error.code === 'DEADLINE_EXCEEDED' && /20 ms/.test(error.message),
    )
    await behind
    never.open()
    await finished.opened
    assert.deepEqual(await ids(store), ['behind'])
  })

  check('stopping finishes what is queued and refuses what comes later', async ({ open, insert, ids }) => {
    const store = await open()
    const queued = Array.from({ length: 20 }, (_, i) => store.transaction((tx) => insert(tx, String(i))))
    const stopping = store.stop()
    await assert.rejects(
      store.transaction((tx) => insert(tx, 'late')),
      { code: 'UNAVAILABLE' },
    )
    await Promise.all(queued)
    await stopping
    await assert.rejects(store.ping(), { code: 'UNAVAILABLE' })
    const again = await open()
    assert.equal((await ids(again)).length, 20)
  })

  check(
    'a stop with a time to end in rolls back what hangs, refuses what waits for it, and closes',
    async ({ open, insert, ids }) => {
      const store = await open()
      const [writes, reads] = [gate(), gate()]
      const limits = { timeout: 60_000 }
      const never = new Promise<never>(() => {})
      const hung = store.transaction(async (tx) => {
        await insert(tx, 'hung')
        writes.open()
        return never
      }, limits)
      const reading = store.snapshot(() => {
        reads.open()
        return never
      })
      reading.catch(() => {})
      await Promise.all([writes.opened, reads.opened])
      const behind = Array.from({ length: 20 }, (_, i) => store.transaction((tx) => insert(tx, String(i))))
      const outcomes = Promise.allSettled([hung, ...behind])
      await store.stop({ timeout: 20 })
      const [first, ...others] = await outcomes
      assert.match(String((first as PromiseRejectedResult).reason), /its store was closed while it ran/)
      const kept = others.filter(({ status }) => status === 'fulfilled').length
      const again = await open()
      assert.equal((await ids(again)).length, kept)
    },
  )

  check('stopping twice is stopping once', async ({ open }) => {
    const store = await open()
    await Promise.all([store.stop(), store.stop()])
    await store.stop()
  })
}
