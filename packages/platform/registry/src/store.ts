/** What is registered, written down in a store that speaks SQL: many changes share a commit, and each waits for its own. */
import type { Migrations, SqlStore } from 'dure/data'
import { sharedRun } from 'dure/runtime/internal'
import type { Row } from './lease.ts'
import type { Gone } from './tombstones.ts'

export const MIGRATIONS: Migrations = {
  '001-instances': `
    CREATE TABLE instances (
      app TEXT NOT NULL, id TEXT NOT NULL, said TEXT NOT NULL, override TEXT, client TEXT NOT NULL, PRIMARY KEY (app, id)
    );
    CREATE TABLE gone (app TEXT NOT NULL, id TEXT NOT NULL, dirty BIGINT NOT NULL, PRIMARY KEY (app, id));`,
}

export type Stored = { readonly rows: readonly Row[]; readonly gone: readonly Gone[] }

export async function readStored(store: SqlStore): Promise<Stored> {
  const rows = await store.select('SELECT said, override, client FROM instances ORDER BY app, id')
  const gone = await store.select('SELECT app, id, dirty FROM gone')
  return {
    rows: rows.map((row) => ({
      instance: JSON.parse(String(row['said'])) as Row['instance'],
      override: (row['override'] ?? undefined) as Row['override'],
      client: String(row['client']),
    })),
    gone: gone.map((row) => ({ app: String(row['app']), id: String(row['id']), dirty: Number(row['dirty']) })),
  }
}

export type Writer = {
  /** Something is to be written down of this one, as it is when its turn comes. */
  readonly mark: (app: string, id: string) => void
  /** Resolves when all that was marked is on the disk; rejects when it could not be written, and stays marked. */
  readonly flush: () => Promise<void>
}

export function createWriter(
  store: Pick<SqlStore, 'transaction'>,
  now: (app: string, id: string) => { readonly row: Row | undefined; readonly gone: Gone | undefined },
): Writer {
  let marked = new Map<string, readonly [app: string, id: string]>()

  const write = async (): Promise<void> => {
    const mine = marked
    marked = new Map()
    if (mine.size === 0) return
    try {
      await store.transaction(async (tx) => {
        for (const [app, id] of mine.values()) {
          const { row, gone } = now(app, id)
          await tx.run('DELETE FROM instances WHERE app = ? AND id = ?', [app, id])
          await tx.run('DELETE FROM gone WHERE app = ? AND id = ?', [app, id])
          if (row !== undefined)
            await tx.run('INSERT INTO instances (app, id, said, override, client) VALUES (?, ?, ?, ?, ?)', [
              ...[app, id, JSON.stringify(row.instance)],
              ...[row.override ?? null, row.client],
            ])
          if (gone !== undefined) await tx.run('INSERT INTO gone (app, id, dirty) VALUES (?, ?, ?)', [app, id, gone.dirty])
        }
      })
    } catch (error) {
      marked = new Map([...mine, ...marked])
      throw error
    }
  }
  return {
    mark: (app, id) => void marked.set(`${app}/${id}`, [app, id]),
    flush: sharedRun(write),
  }
}
