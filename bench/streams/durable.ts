/**
 * Streams as a service runs them, measured alone in a process: `node durable.ts committed COUNT`, `node durable.ts rows COUNT`,
 * `node durable.ts recover KEYS`. The last line says what was measured.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Message } from 'dure/contract'
import { realRuntime } from 'dure/runtime'
import { start } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { BATCH, counting, messagesOf, NAME, ofOneProcess, Placed } from './counting.ts'

const LOOK = 10

async function publish(directory: string, messages: readonly Message[]): Promise<void> {
  const open = await ofOneProcess({ directory, runtime: realRuntime(), log: silentLogger() })
  await open.declareTopic(Placed.topic, { partitions: 1 })
  for (let from = 0; from < messages.length; from += BATCH) await open.publish(messages.slice(from, from + BATCH))
  await open.stop({ timeout: 5_000 })
}

/** How many records are committed, read beside who writes them. */
function committed(directory: string): number {
  const db = new DatabaseSync(join(directory, `${NAME}.db`), { readOnly: true })
  try {
    const [row] = db.prepare('SELECT sum(records) AS records FROM dure_stream_positions').all()
    return Number(row!['records'])
  } finally {
    db.close()
  }
}

/** Milliseconds until a service that starts has committed so many records. */
async function until(directory: string, records: number): Promise<number> {
  const begun = performance.now()
  const running = await start(counting(), { directory, log: silentLogger() })
  while (committed(directory) < records) await sleep(LOOK)
  const ended = performance.now()
  await running.stop()
  return ended - begun
}

/** A backlog in the broker, until all of it is committed. */
async function measureCommitted(directory: string, count: number): Promise<object> {
  await publish(directory, messagesOf(count))
  const milliseconds = await until(directory, count)
  return { perSecond: (count / milliseconds) * 1_000 }
}

/** What tables of the same messages take, as many in a transaction: found by their ids, and only appended. */
function measureRows(directory: string, count: number): object {
  const messages = messagesOf(count)
  const db = new DatabaseSync(join(directory, 'rows.db'))
  const columns = 'key TEXT NOT NULL, time INTEGER NOT NULL, data TEXT NOT NULL'
  db.exec(
    `PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
     CREATE TABLE known (id TEXT PRIMARY KEY, ${columns}) WITHOUT ROWID; CREATE TABLE appended (id TEXT NOT NULL, ${columns})`,
  )
  const rate = (table: string): number => {
    const insert = db.prepare(`INSERT INTO ${table} (id, key, time, data) VALUES (?, ?, ?, ?)`)
    const begun = performance.now()
    for (let from = 0; from < count; from += BATCH) {
      db.exec('BEGIN')
      for (const { id, key, time, data } of messages.slice(from, from + BATCH)) insert.run(id, key, time, data)
      db.exec('COMMIT')
    }
    return (count / (performance.now() - begun)) * 1_000
  }
  const made = { known: rate('known'), appended: rate('appended') }
  db.close()
  return made
}

/** State of so many keys, and one message that is committed behind it. */
async function measureRecovery(directory: string, keys: number): Promise<object> {
  await publish(directory, messagesOf(1))
  await until(directory, 1)
  const file = join(directory, `${NAME}.db`)
  const db = new DatabaseSync(file)
  db.exec(
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${keys})
     INSERT INTO dure_stream_state (topology, task, part, at, key, value)
     SELECT 'counts', -1, 'count', 0, printf('key-%08d', n), '1' FROM numbers`,
  )
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
  await publish(directory, [{ ...messagesOf(1)[0]!, id: 'behind' }])
  const milliseconds = await until(directory, 2)
  return { seconds: milliseconds / 1_000, storedBytesPerKey: statSync(file).size / keys }
}

const [, , what, how] = process.argv
const directory = mkdtempSync(join(tmpdir(), 'dure-bench-streams-'))
try {
  const count = Number(how)
  const made =
    what === 'committed'
      ? await measureCommitted(directory, count)
      : what === 'rows'
        ? measureRows(directory, count)
        : await measureRecovery(directory, count)
  console.log(JSON.stringify(made))
} finally {
  rmSync(directory, { recursive: true, force: true })
}
