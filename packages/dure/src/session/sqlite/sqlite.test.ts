import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { realRuntime } from '../../runtime/runtime.ts'
import { sessionStoreConformance } from '../store.conformance.ts'
import type { SessionStore } from '../store.ts'
import { sqliteSessions } from './sqlite.ts'

const folder = (): string => mkdtempSync(join(tmpdir(), 'dure-sessions-'))
function folderFor(t: TestContext): string {
  const directory = folder()
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

sessionStoreConformance('SQLite', async () => {
  const directory = folder()
  const opened: SessionStore[] = []
  return {
    open: async () => {
      const store = sqliteSessions({ directory })
      opened.push(store)
      return store
    },
    close: async () => {
      await Promise.all(opened.map((store) => store.stop()))
      rmSync(directory, { recursive: true, force: true })
    },
  }
})

const LIFE = { subject: 'ida', data: '{}', idle: 1_000, absolute: 10_000 }

test('ended ones leave the file as others begin; reading alone hardly writes', async (t) => {
  const directory = folderFor(t)
  let now = 1_000_000
  const { clock } = realRuntime()
  const store = sqliteSessions({ directory, runtime: { clock: { ...clock, now: () => now } } })
  for (let i = 0; i < 100; i++) await store.create(`old${i}`, LIFE)
  now += 1_000
  for (let i = 0; i < 20; i++) await store.create(`new${i}`, LIFE)
  const db = new DatabaseSync(join(directory, 'sessions.db'))
  t.after(() => db.close())
  const count = (): number => (db.prepare('SELECT count(*) AS n FROM sessions').get() as { n: number }).n
  assert.equal(count(), 20)
  const expires = (): unknown => db.prepare("SELECT expires FROM sessions WHERE id = 'new0'").get()
  const before = expires()
  now += 40
  await store.read('new0')
  assert.deepEqual(expires(), before)
  now += 20
  await store.read('new0')
  assert.notDeepEqual(expires(), before)
  await store.stop()
})

test('a file that is full, damaged, of a later release or of somebody else is refused in words', async (t) => {
  const directory = folderFor(t)
  const store = sqliteSessions({ directory, bytes: 64 * 4_096 })
  const data = 'x'.repeat(10_000)
  const filling = async (): Promise<void> => {
    for (let i = 0; ; i++) await store.create(`id${i}`, { ...LIFE, data })
  }
  await assert.rejects(filling, { code: 'RESOURCE_EXHAUSTED', message: /the disk is full/ })
  // What is there is there, and what ends makes room.
  assert.equal((await store.read('id0'))?.data, data)
  await store.endAll('ida')
  await store.create('again', { ...LIFE, data })
  await store.stop()

  const db = new DatabaseSync(join(directory, 'sessions.db'))
  db.exec('PRAGMA user_version = 2')
  db.close()
  assert.throws(() => sqliteSessions({ directory }), { code: 'FAILED_PRECONDITION', message: /a later release/ })

  writeFileSync(join(directory, 'sessions.db'), 'letters of somebody else, and many of them '.repeat(50))
  assert.throws(() => sqliteSessions({ directory }), { code: 'DATA_LOSS' })
  assert.throws(() => sqliteSessions({ directory: join(directory, 'sessions.db', 'below') }), /ENOTDIR|cannot/)
  assert.throws(() => sqliteSessions({ directory, bytes: Number.NaN }), TypeError)
})
