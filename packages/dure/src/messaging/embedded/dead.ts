import type { DatabaseSync } from 'node:sqlite'
import type { Runtime } from '../../runtime/runtime.ts'
import type { DeadCount, DeadMessage } from '../broker.ts'
import type { Commits } from './commits.ts'
import { messageFrom, MESSAGE_COLUMNS, sizeOf } from './rows.ts'

/** Bytes of one list, about; one message always is in it. */
const LISTED_BYTES = 2 * 1024 * 1024

/** One queue's part of `Broker.dead`. */
export type DeadList = {
  readonly list: (limit?: number, after?: number) => readonly DeadMessage[]
  readonly count: () => DeadCount
  readonly retry: (ids?: readonly string[]) => Promise<number>
  readonly edit: (id: string, data: string) => Promise<number>
  readonly discard: (ids: readonly string[], reason: string) => Promise<number>
}

/** A queue's dead messages: looked at, given another life, or discarded with a reason that is kept. */
export function createDeadList(options: {
  db: DatabaseSync
  commits: Commits
  runtime: Runtime
  time: () => number
  id: number
  name: string
  revived: (count: number) => void
}): DeadList {
  const { db, commits, runtime, time, id, name, revived } = options
  const listed = db.prepare(
    `SELECT seq, attempts, error, failed_at, ${MESSAGE_COLUMNS} FROM work WHERE queue = ? AND dead = 1 AND seq > ? ORDER BY seq LIMIT ?`,
  )
  const counted = db.prepare('SELECT count(*) AS n FROM work WHERE queue = ? AND dead = 1')
  // By the index: the one that has been visible longest failed among the first.
  const first = db.prepare('SELECT failed_at FROM work WHERE queue = ? AND dead = 1 ORDER BY visible_at, seq LIMIT 1')
  const change = db.prepare('UPDATE work SET data = ? WHERE queue = ? AND dead = 1 AND id = ?')
  const reviveAll = db.prepare('UPDATE work SET dead = 0, attempts = 0, visible_at = ?, delay = 0 WHERE queue = ? AND dead = 1')
  const reviveOne = db.prepare(
    'UPDATE work SET dead = 0, attempts = 0, visible_at = ?, delay = 0 WHERE queue = ? AND dead = 1 AND id = ?',
  )
  const keep = db.prepare(
    `INSERT INTO discarded (seq, queue, id, reason, at, message)
     SELECT seq, queue, id, ?, ?, json_object('source', source, 'key', key, 'time', time, 'error', error, 'data', data)
     FROM work WHERE queue = ? AND dead = 1 AND id = ?`,
  )
  const remove = db.prepare('DELETE FROM work WHERE queue = ? AND dead = 1 AND id = ?')

  const changing = async (run: () => number): Promise<number> => {
    let count = 0
    await commits.add({ write: () => void (count = run()) })
    return count
  }

  return {
    list: (limit = 100, after = -1) => {
      const found: DeadMessage[] = []
      let size = 0
      for (const row of listed.iterate(id, after, limit)) {
        const dead = deadFrom(row, name)
        size += sizeOf(dead.message)
        if (size > LISTED_BYTES && found.length > 0) break
        found.push(dead)
      }
      return found
    },
    count: () => {
      const count = Number(counted.get(id)?.['n'] ?? 0)
      return { count, oldest: count === 0 ? undefined : Number(first.get(id)?.['failed_at'] ?? 0) }
    },
    edit: (message, data) => changing(() => Number(change.run(data, id, message).changes)),
    retry: async (ids) => {
      const count = await changing(() => {
        const now = Math.floor(time())
        if (ids === undefined) return Number(reviveAll.run(now, id).changes)
        return ids.reduce((sum, one) => sum + Number(reviveOne.run(now, id, one).changes), 0)
      })
      revived(count)
      return count
    },
    discard: (ids, reason) =>
      changing(() =>
        ids.reduce((sum, one) => {
          keep.run(reason, runtime.clock.now(), id, one)
          return sum + Number(remove.run(id, one).changes)
        }, 0),
      ),
  }
}

function deadFrom(row: Readonly<Record<string, unknown>>, name: string): DeadMessage {
  return {
    message: messageFrom(row, name),
    attempts: Number(row['attempts']),
    error: String(row['error'] ?? ''),
    failedAt: Number(row['failed_at'] ?? 0),
    place: Number(row['seq']),
  }
}
