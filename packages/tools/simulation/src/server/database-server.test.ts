import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { SqlStore, SqlTransaction } from 'dure/data'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { rowsOf } from './changes.ts'
import { openAdapter } from './database-server.test-support.ts'

const MIGRATIONS = {
  '001': `CREATE TABLE accounts (id TEXT PRIMARY KEY, balance INTEGER NOT NULL);
    INSERT INTO accounts VALUES ('a', 50), ('b', 50), ('c', 50)`,
}

/** Two members of one store. */
async function members(t: TestContext): Promise<readonly [SqlStore, SqlStore]> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-server-'))
  const open = async (): Promise<SqlStore> =>
    (await openAdapter({ directory, runtime: realRuntime(), log: silentLogger() }).open('bank', {
      migrations: MIGRATIONS,
    })) as unknown as SqlStore
  const stores = [await open(), await open()] as const
  t.after(async () => {
    for (const store of stores) await store.stop()
    rmSync(directory, { recursive: true })
  })
  return stores
}

const balance = async (tx: SqlTransaction, id: string): Promise<number> =>
  Number((await tx.all('SELECT balance FROM accounts WHERE id = ?', [id]))[0]!['balance'])
const set = (tx: SqlTransaction, id: string, to: number): Promise<number> =>
  tx.run('UPDATE accounts SET balance = ? WHERE id = ?', [to, id])
const balances = async (store: SqlStore): Promise<readonly unknown[]> =>
  (await store.select('SELECT balance FROM accounts ORDER BY id')).map((row) => row['balance'])

/** A transaction that stands still after its work until it is told to commit; how often its work was begun. */
function held(store: SqlStore, work: (tx: SqlTransaction) => Promise<unknown>) {
  const worked = Promise.withResolvers<void>()
  const leave = Promise.withResolvers<void>()
  let begun = 0
  const done = store.transaction(async (tx) => {
    begun++
    await work(tx)
    worked.resolve()
    await leave.promise
  })
  done.catch(() => {})
  return { worked: worked.promise, done, commit: () => (leave.resolve(), done), begun: () => begun }
}

test('what one has read, another may change and commit first: it counts as if it had come later', async (t) => {
  const [one, other] = await members(t)
  const late = held(one, async (tx) => set(tx, 'b', await balance(tx, 'a')))
  await late.worked
  await other.transaction((tx) => set(tx, 'a', 1))
  // A look that is no transaction holds nobody up.
  assert.deepEqual(await balances(other), [1, 50, 50])
  await late.commit()
  assert.equal(late.begun(), 1)
  assert.deepEqual(await balances(other), [1, 50, 50])
})

test('it is begun again when a transaction in between has read what it was to write', async (t) => {
  const [one, other] = await members(t)
  const late = held(one, async (tx) => set(tx, 'b', (await balance(tx, 'a')) + 1))
  await late.worked
  await other.transaction((tx) => set(tx, 'a', 1))
  await other.transaction(async (tx) => set(tx, 'c', await balance(tx, 'b')))
  await late.commit()
  assert.equal(late.begun(), 2)
  assert.deepEqual(await balances(other), [1, 2, 50])
})

test('two that each read what the other writes are not both done on what they saw', async (t) => {
  const [one, other] = await members(t)
  const swap = (from: string, to: string) => async (tx: SqlTransaction) => set(tx, to, (await balance(tx, from)) + 1)
  const [first, second] = [held(one, swap('a', 'b')), held(other, swap('b', 'a'))]
  await Promise.all([first.worked, second.worked])
  await first.commit()
  await second.commit()
  assert.deepEqual([first.begun(), second.begun()], [1, 2])
  assert.deepEqual(await balances(one), [52, 51, 50])
})

test('a row that one has written is waited for, and nothing else; who waited begins again when it was committed', async (t) => {
  const [one, other] = await members(t)
  const holder = held(one, (tx) => set(tx, 'a', 1))
  await holder.worked
  let begun = 0
  const waiting = other.transaction(async (tx) => {
    begun++
    await set(tx, 'a', (await balance(tx, 'a')) + 1)
  })
  await other.transaction((tx) => set(tx, 'b', 7))
  assert.deepEqual([begun, await balances(other)], [1, [50, 7, 50]])
  await holder.commit()
  await waiting
  assert.equal(begun, 2)
  assert.deepEqual(await balances(other), [2, 7, 50])
})

test('two that wait for each other: one begins again, and both are done', async (t) => {
  const [one, other] = await members(t)
  const first = Promise.withResolvers<void>()
  const second = Promise.withResolvers<void>()
  const add = (tx: SqlTransaction, id: string): Promise<number> =>
    tx.run('UPDATE accounts SET balance = balance + 1 WHERE id = ?', [id])
  await Promise.all([
    one.transaction(async (tx) => {
      await add(tx, 'a')
      first.resolve()
      await second.promise
      await add(tx, 'b')
    }),
    other.transaction(async (tx) => {
      await add(tx, 'b')
      second.resolve()
      await first.promise
      await add(tx, 'a')
    }),
  ])
  assert.deepEqual(await balances(one), [52, 52, 50])
})

test('who waits out resolves when those open then are over; those of the one before are ended', async (t) => {
  const [one, other] = await members(t)
  const [open, lost] = [held(other, (tx) => set(tx, 'a', 1)), held(one, (tx) => set(tx, 'b', 1))]
  await Promise.all([open.worked, lost.worked])
  let out = false
  const waiting = other.waitOut!({ before: one.member, patience: 10 }).then(() => (out = true))
  const later = held(one, (tx) => set(tx, 'c', 1))
  await later.worked
  // What it holds is free once it has been ended.
  await other.transaction((tx) => set(tx, 'b', 2))
  await assert.rejects(lost.commit(), /another member owns what it wrote to/)
  assert.equal(out, false)
  await open.commit()
  await waiting
  await later.commit()
  assert.deepEqual(await balances(one), [1, 2, 1])
})

test('a member has gone when it has stopped, or its process is dead, and not before', async (t) => {
  const [one, other] = await members(t)
  assert.deepEqual([await one.gone!(other.member), await one.gone!('nobody')], [false, true])
  await other.stop()
  assert.deepEqual([await one.gone!(other.member), await one.gone!(one.member)], [true, false])
})

test('rows of a changeset are told by table and key', async (t) => {
  const [one] = await members(t)
  await one.transaction(async (tx) => {
    await tx.run('INSERT INTO accounts VALUES (?, ?)', ['d', 1])
    await tx.run("UPDATE accounts SET balance = 0 WHERE id = 'a'")
    await tx.run("DELETE FROM accounts WHERE id = 'b'")
  })
  assert.deepEqual(await balances(one), [0, 50, 1])
  assert.deepEqual([...rowsOf(new Uint8Array())], [])
})
