import { closeSync, openSync, readSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { CallError } from '../../contract/contract.ts'
import { nodeSqlite } from '../../runtime/internal.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { explain, primaryCode } from './errors.ts'

/** Milliseconds that another process's lock on a store is waited for. */
export const LOCK_TIMEOUT = 5_000

/** Waits a little for a lock on a file, and says whether to ask again; false when it has lasted too long. */
export type Patience = () => Promise<boolean>

/**
 * How the locks of other processes are waited for. SQLite would wait for them itself, and hold up the whole process.
 * @param limit milliseconds for one statement
 */
export function createPatience({ clock, timers }: Pick<Runtime, 'clock' | 'timers'>, limit: number): () => Patience {
  return () => {
    const until = clock.monotonic() + limit
    let pause = 1
    return async () => {
      if (clock.monotonic() >= until) return false
      await timers.sleep(pause)
      pause = Math.min(50, pause * 2)
      return true
    }
  }
}

/** Runs a statement until no other process's lock is in its way. */
export async function patiently<T>(locked: () => Patience, run: () => T): Promise<T> {
  let wait: Patience | undefined
  for (;;) {
    try {
      return run()
    } catch (error) {
      if (!isLocked(error) || !(await (wait ??= locked())())) throw error
    }
  }
}

/** SQLITE_BUSY, by itself or said in words. */
export function isLocked(error: unknown): boolean {
  return primaryCode(error) === 5 || primaryCode((error as { cause?: unknown } | undefined)?.cause) === 5
}

/**
 * Keeps a store to one process. The lock is SQLite's own lock on an empty database file, so the operating
 * system frees it however the process ends; the holder's process id is the file's user_version, which others
 * can read without opening it.
 * @throws {CallError} FAILED_PRECONDITION naming the process that has it
 *
 * @example
 * ```ts
 * import { mkdirSync } from 'node:fs'
 * import { takeLock } from 'dure/data/adapter'
 *
 * mkdirSync('data', { recursive: true })
 * const lock = takeLock('data/letters.lock', 'letters')
 * lock.release()
 * console.log('free again') // → free again
 * ```
 */
export function takeLock(file: string, service: string): { readonly release: () => void } {
  let db: DatabaseSync | undefined
  try {
    const { DatabaseSync } = nodeSqlite()
    db = new DatabaseSync(file)
    // EXCLUSIVE mode keeps the lock that the write below takes.
    db.exec(`PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA user_version = ${process.pid}`)
  } catch (error) {
    db?.close()
    if (primaryCode(error) !== 5) throw explain(error, `Locking the store of service "${service}"`, file)
    const holder = holderOf(file)
    throw new CallError(
      'FAILED_PRECONDITION',
      `Opening the store of service "${service}" failed: ${holder === process.pid ? 'this process has it open already' : `it is in use by process ${holder}`} ` +
        `(lock "${file}"). To do: stop that process, or give this one another data directory`,
      { details: { service, file, holder } },
    )
  }
  const held = db
  return { release: () => held.close() }
}

/** user_version is a big-endian integer 60 bytes into the file. Source: https://www.sqlite.org/fileformat.html §1.3 */
function holderOf(file: string): number {
  const bytes = Buffer.alloc(4)
  const descriptor = openSync(file, 'r')
  try {
    readSync(descriptor, bytes, 0, 4, 60)
  } finally {
    closeSync(descriptor)
  }
  return bytes.readInt32BE(0)
}
