import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { virtualRuntime } from '../../runtime/runtime.ts'
import { type Flush } from '../../runtime/internal.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { createWriter, type Writer } from './writer.ts'

type Opened = {
  readonly db: DatabaseSync
  readonly other: DatabaseSync
  readonly writer: Writer
  readonly runtime: ReturnType<typeof virtualRuntime>
}

/** A writer under virtual time, and a second connection that sees only what is committed. */
function opened(t: TestContext, limits: { readonly group?: number; readonly timeout?: number } = {}, flush?: Flush): Opened {
  const directory = mkdtempSync(join(tmpdir(), 'dure-writer-'))
  const file = join(directory, 'orders.db')
  const db = new DatabaseSync(file)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE t (id TEXT PRIMARY KEY, v TEXT)')
  const other = new DatabaseSync(file)
  const runtime = virtualRuntime()
  const log = silentLogger()
  const writer = createWriter({
    db,
    schema: { value: 0 },
    service: 'orders',
    file,
    runtime,
    log,
    limits: { group: 128, groupTime: 4, waiting: 100, timeout: 5_000, ...limits },
    flush,
  })
  t.after(() => {
    other.close()
    if (db.isOpen) db.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return { db, other, writer, runtime }
}

const add = (writer: Writer, id: string, value = ''): Promise<number> =>
  writer.transaction((tx) => tx.run('INSERT INTO t VALUES (?, ?)', [id, value]))
const ids = (db: DatabaseSync): unknown[] =>
  db
    .prepare('SELECT id FROM t ORDER BY rowid')
    .all()
    .map((row) => row['id'])
/** Commits as the log of the database counts them: `data_version` changes for `other` when somebody commits. */
const version = (db: DatabaseSync): unknown => db.prepare('PRAGMA data_version').get()!['data_version']

test('those that wait share one commit, and nobody is answered before it', async (t) => {
  const { other, writer, runtime } = opened(t)
  const seen: unknown[] = []
  let commits = 0
  let before = version(other)
  const look = (): void => {
    const now = version(other)
    if (now !== before) commits++
    before = now
    seen.push(ids(other).length)
  }
  const all = Promise.allSettled([
    ...Array.from({ length: 10 }, (_, i) => add(writer, String(i)).finally(look)),
    add(writer, '3').finally(look),
  ])
  await runtime.advance(1)
  assert.deepEqual(
    (await all).map(({ status }) => status),
    [...Array.from({ length: 10 }, () => 'fulfilled'), 'rejected'],
  )
  // Everyone, the one refused included, was answered when all ten were there.
  assert.deepEqual(
    seen,
    Array.from({ length: 11 }, () => 10),
  )
  assert.equal(commits, 1)
})

test('a group is bounded in number', async (t) => {
  const { other, writer, runtime } = opened(t, { group: 3 })
  const seen: number[] = []
  const all = Promise.all(Array.from({ length: 8 }, (_, i) => add(writer, String(i)).then(() => seen.push(ids(other).length))))
  await runtime.advance(1)
  await all
  assert.deepEqual(seen, [3, 3, 3, 6, 6, 6, 8, 8])
})

test('a transaction that asks for more time than usual keeps nobody waiting', async (t) => {
  const { other, writer, runtime } = opened(t)
  const first = add(writer, 'first')
  const { promise: world, resolve: answer } = Promise.withResolvers<void>()
  const slow = writer.transaction(
    async (tx) => {
      await world
      return tx.run("INSERT INTO t VALUES ('slow', '')")
    },
    { timeout: 60_000 },
  )
  const behind = add(writer, 'behind')
  await runtime.advance(1)
  await first
  assert.deepEqual(ids(other), ['first'])
  await runtime.advance(30_000)
  answer()
  await runtime.advance(1)
  await Promise.all([slow, behind])
  assert.deepEqual(ids(other), ['first', 'slow', 'behind'])
})

test('a transaction that waits for another of the same store is told so when its time is over', async (t) => {
  const { other, writer, runtime } = opened(t)
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
  // Somebody else begins the second one, so that nothing but the clock can tell.
  const second = asked.then(() => add(writer, 'second'))
  const first = writer.transaction(async (tx) => {
    await tx.run("INSERT INTO t VALUES ('first', '')")
    ask()
    await second
  })
  const outcome = assert.rejects(first, {
    code: 'DEADLINE_EXCEEDED',
    message:
      /longer than 5000 ms\. 1 other transactions of the service were begun meanwhile: if its work waits for one of them, it waits for itself/,
  })
  await runtime.advance(4_999)
  assert.deepEqual(ids(other), [])
  await runtime.advance(2)
  await outcome
  await second
  assert.deepEqual(ids(other), ['second'])
  await runtime.advance(1)
  assert.equal(runtime.pending(), 0, 'no timer is left when nothing runs')
})

test('a full disk fails the transaction that met it, loses nothing committed, and is over when there is room', async (t) => {
  const { db, other, writer, runtime } = opened(t)
  const settled = async <T>(work: Promise<T>): Promise<PromiseSettledResult<T>> => {
    const [outcome] = await Promise.all([Promise.allSettled([work]).then(([one]) => one!), runtime.advance(1)])
    return outcome
  }
  assert.equal((await settled(add(writer, 'before'))).status, 'fulfilled')
  db.exec('PRAGMA max_page_count = 10')
  const large = await settled(
    Promise.allSettled([add(writer, 'small'), add(writer, 'large', 'x'.repeat(200_000)), add(writer, 'after')]),
  )
  assert.equal(large.status, 'fulfilled')
  const outcomes = large.status === 'fulfilled' ? large.value : []
  const refused = outcomes[1]
  assert.equal(refused?.status, 'rejected')
  if (refused?.status === 'rejected')
    assert.match(String(refused.reason), /the disk is full \(file ".*orders\.db"\)\. To do: free some space/)
  // Whoever was answered with success is there, whoever was not is not.
  const kept = ['small', 'large', 'after'].filter((_, i) => outcomes[i]?.status === 'fulfilled')
  assert.deepEqual(ids(other), ['before', ...kept])
  db.exec('PRAGMA max_page_count = 100000')
  assert.equal((await settled(add(writer, 'again', 'x'.repeat(200_000)))).status, 'fulfilled')
  assert.deepEqual(ids(other), ['before', ...kept, 'again'])
})

test('when the engine gives up the whole group, nobody in it is told of success', async (t) => {
  const { other, writer, runtime } = opened(t)
  const all = Promise.allSettled([
    add(writer, 'a'),
    // Rolls back everything that shares the transaction, and the work hides it.
    writer.transaction(async (tx) => {
      await tx.run("INSERT OR ROLLBACK INTO t VALUES ('a', '')").catch(() => {})
      return 'fine'
    }),
    add(writer, 'b'),
  ])
  await runtime.advance(1)
  assert.deepEqual(
    (await all).map(({ status }) => status),
    ['rejected', 'rejected', 'fulfilled'],
  )
  assert.deepEqual(ids(other), ['b'])
})

test('a commit that fails fails everyone in it, those that had failed before as well', async (t) => {
  const { db, other, writer, runtime } = opened(t)
  db.exec('PRAGMA foreign_keys = ON; CREATE TABLE line (t TEXT REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)')
  const heard: string[] = []
  const all = Promise.allSettled([
    writer.transaction(async (tx) => {
      tx.onCommit(() => heard.push('never'))
      await tx.run("INSERT INTO t VALUES ('a', '')")
    }),
    writer.transaction((tx) => tx.run("INSERT INTO line VALUES ('nowhere')")),
    add(writer, 'a'),
  ])
  await runtime.advance(1)
  for (const outcome of await all) assert.match(String(outcome.status === 'rejected' && outcome.reason), /FOREIGN KEY/)
  assert.deepEqual([ids(other), heard], [[], []])
  const next = add(writer, 'a')
  await runtime.advance(1)
  await next
  assert.deepEqual(ids(other), ['a'])
})

test('a listener that throws harms nobody', async (t) => {
  const { other, writer, runtime } = opened(t)
  const all = Promise.all([
    writer.transaction(async (tx) => {
      tx.onCommit(() => {
        throw new Error('no')
      })
      await tx.run("INSERT INTO t VALUES ('a', '')")
    }),
    add(writer, 'b'),
  ])
  await runtime.advance(1)
  await all
  assert.deepEqual(ids(other), ['a', 'b'])
})

/** A disk whose flushes end when they are told to. */
function slowDisk(): Flush & { readonly finish: (error?: Error) => void; readonly asked: () => number } {
  const waiting: { resolve: () => void; reject: (error: Error) => void }[] = []
  let asked = 0
  return {
    flush: () => {
      asked++
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
    },
    pending: () => undefined,
    stop: async () => {},
    finish: (error) => {
      const one = waiting.shift()!
      if (error === undefined) one.resolve()
      else one.reject(error)
    },
    asked: () => asked,
  }
}

test('nobody is answered before the disk is; meanwhile a few wait for company and many do not', async (t) => {
  const disk = slowDisk()
  const { other, writer, runtime } = opened(t, {}, disk)
  const answered: string[] = []
  const put = (id: string): Promise<unknown> => add(writer, id).then(() => answered.push(id))
  const first = put('a')
  await runtime.advance(1)
  const few = put('b')
  await runtime.advance(1)
  assert.deepEqual([ids(other), answered, disk.asked()], [['a'], [], 1])
  disk.finish()
  await first
  await runtime.advance(1)
  assert.deepEqual([ids(other), answered, disk.asked()], [['a', 'b'], ['a'], 2])

  const many = Array.from({ length: 20 }, (_, i) => put(`c${i}`))
  await runtime.advance(1)
  assert.deepEqual([ids(other).length, answered, disk.asked()], [22, ['a'], 3])
  disk.finish()
  await few
  disk.finish()
  await Promise.all(many)
  assert.equal(answered.length, 22)
})

test('a disk that fails ends every promise: the group is refused, and so is everything after it', async (t) => {
  const disk = slowDisk()
  const { writer, runtime } = opened(t, {}, disk)
  const group = [add(writer, 'a'), add(writer, 'b')]
  await runtime.advance(1)
  disk.finish(Object.assign(new Error('input/output error'), { code: 'EIO' }))
  for (const one of await Promise.allSettled(group)) assert.equal(one.status, 'rejected')
  await assert.rejects(add(writer, 'c'), /input\/output error/)
})
