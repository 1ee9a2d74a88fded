import { FencedError } from '../../data/internal.ts'
import type { SqlStore, SqlTransaction, SqlValue } from '../../data/data.ts'
import type { Assignment } from '../../messaging/messaging.ts'
import { nameOf, stateTextOf, textOf, type StateText } from './state-text.ts'

/** A cell that is to be written; removed, where it has no text; and all of a time, where it has no key. */
export type StateChange = {
  readonly part: string
  readonly at: number
  readonly key?: string | undefined
  readonly text?: string | undefined
}

/** What a batch has moved: a partition, to a position. */
export type Move = {
  readonly assignment: Assignment
  readonly position: string
  readonly records: number
  /** The time of its newest event; milliseconds since the epoch. */
  readonly newest: number | undefined
}

/** Where a topology stands: what no task waits for any more, what was read and how far, and how many rows its state has. */
export type Committed = {
  readonly watermark: number | undefined
  readonly records: number
  readonly rows: number
  /** `position`: of the last message whose outcome is in the state, as the broker says it. */
  readonly partitions: readonly { readonly topic: string; readonly partition: number; readonly position: string | undefined }[]
}

/** The rows of one topology. */
export type StreamRecords = {
  /**
   * Takes a partition: whatever an earlier owner has open is committed before, or is refused. Answers where to read on, and undefined
   * when the broker has given it to another one since.
   */
  readonly take: (assignment: Assignment) => Promise<{ readonly position: string | undefined } | undefined>
  /** Moves a partition on. @throws {FencedError} when another has it by now */
  readonly move: (tx: SqlTransaction, move: Move) => Promise<void>
  /** Refuses whoever does not have a partition any more, where nothing of it has moved. */
  readonly check: (tx: SqlTransaction, assignment: Assignment) => Promise<void>
  /** The time of the newest event of each partition that has had one, by `topic/partition`. */
  readonly newest: () => Promise<ReadonlyMap<string, number>>
  readonly watermark: (tx: SqlTransaction, task: number, watermark: number) => Promise<void>
  /** Removes first: what was removed and came again is in both. */
  readonly write: (tx: SqlTransaction, task: number, changes: readonly StateChange[]) => Promise<void>
  /** The watermark of a task. */
  readonly begun: (task: number) => Promise<number>
  /** A page of what there is of a part, or of one of its times, in order of time and key. */
  readonly read: (
    task: number,
    part: string,
    of: { readonly at?: number | undefined; readonly after?: Pick<StateText, 'at' | 'name'> | undefined },
  ) => Promise<readonly StateText[]>
  /** The cells of these keys, of one time. */
  readonly pick: (task: number, part: string, at: number, keys: readonly string[]) => Promise<readonly StateText[]>
  /** The times of a part, from one on. */
  readonly times: (task: number, part: string, from: number | undefined) => Promise<readonly number[]>
  readonly shapes: () => Promise<string | undefined>
  readonly noteShapes: (shapes: string) => Promise<void>
  readonly progress: () => Promise<Committed>
}

/** Rows of one statement: far below what the engines take as parameters. */
const ROWS = 500
const PAGE = 20_000

export function streamRecords(store: SqlStore, topology: string): StreamRecords {
  return { ...positionsOf(store, topology), ...stateOf(store, topology), ...aboutOf(store, topology) }
}

function positionsOf(store: SqlStore, topology: string): Pick<StreamRecords, 'take' | 'move' | 'check' | 'newest'> {
  return {
    take: ({ topic, partition, broker, epoch }) =>
      changing(store, async (tx) => {
        const place = [topology, topic, partition]
        // Positions of another broker say nothing here.
        const changed = await tx.run(
          `INSERT INTO dure_stream_positions (topology, topic, partition, broker, epoch) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (topology, topic, partition) DO UPDATE SET
             position = CASE WHEN dure_stream_positions.broker = excluded.broker THEN dure_stream_positions.position ELSE NULL END,
             broker = excluded.broker, epoch = excluded.epoch
           WHERE dure_stream_positions.broker <> excluded.broker OR dure_stream_positions.epoch <= excluded.epoch`,
          [...place, broker, epoch],
        )
        if (changed === 0) return undefined
        const [row] = await tx.all(
          'SELECT position FROM dure_stream_positions WHERE topology = ? AND topic = ? AND partition = ?',
          place,
        )
        return { position: textOf(row!['position']) }
      }),
    move: async (tx, { assignment, position, records, newest }) => {
      const { topic, partition, broker, epoch } = assignment
      const changed = await tx.run(
        `UPDATE dure_stream_positions SET position = ?, records = records + ?, newest = ?
         WHERE topology = ? AND topic = ? AND partition = ? AND broker = ? AND epoch = ?`,
        [position, records, newest === undefined ? null : Math.floor(newest), topology, topic, partition, broker, epoch],
      )
      if (changed === 0) throw new FencedError({ consumer: topology, topic, partition, epoch })
    },
    check: async (tx, { topic, partition, broker, epoch }) => {
      const changed = await tx.run(
        'UPDATE dure_stream_positions SET epoch = epoch WHERE topology = ? AND topic = ? AND partition = ? AND broker = ? AND epoch = ?',
        [topology, topic, partition, broker, epoch],
      )
      if (changed === 0) throw new FencedError({ consumer: topology, topic, partition, epoch })
    },
    newest: async () => {
      const rows = await store.select(
        'SELECT topic, partition, newest FROM dure_stream_positions WHERE topology = ? AND newest IS NOT NULL',
        [topology],
      )
      return new Map(rows.map(({ topic, partition, newest }) => [`${String(topic)}/${String(partition)}`, Number(newest)]))
    },
  }
}

type State = 'watermark' | 'write' | 'begun' | 'read' | 'pick' | 'times'

function stateOf(store: SqlStore, topology: string): Pick<StreamRecords, State> {
  return {
    watermark: async (tx, task, watermark) => {
      if (!Number.isFinite(watermark)) return
      await tx.run(
        `INSERT INTO dure_stream_tasks (topology, task, watermark) VALUES (?, ?, ?)
         ON CONFLICT (topology, task) DO UPDATE SET watermark = excluded.watermark`,
        [topology, task, Math.floor(watermark)],
      )
    },
    write: async (tx, task, changes) => {
      const whole = changes.filter(({ key }) => key === undefined)
      const gone = changes.filter(({ key, text }) => key !== undefined && text === undefined)
      const there = changes.filter(({ text }) => text !== undefined)
      for (const { part, at } of whole)
        await tx.run('DELETE FROM dure_stream_state WHERE topology = ? AND task = ? AND part = ? AND at = ?', [
          ...[topology, task, part, at],
        ])
      for (const some of chunksOf(gone))
        await tx.run(
          `DELETE FROM dure_stream_state WHERE topology = ? AND task = ? AND (part, at, key) IN (VALUES ${some.map(() => '(?, CAST(? AS BIGINT), ?)').join(', ')})`,
          [topology, task, ...some.flatMap(({ part, at, key }): SqlValue[] => [part, at, nameOf(key!)])],
        )
      for (const some of chunksOf(there)) {
        const values = some.flatMap(({ part, at, key, text }): SqlValue[] => {
          const name = nameOf(key!)
          return [topology, task, part, at, name, text!, name === key ? null : key!]
        })
        await tx.run(
          `INSERT INTO dure_stream_state (topology, task, part, at, key, value, long_key) VALUES ${some.map(() => '(?, ?, ?, ?, ?, ?, ?)').join(', ')}
           ON CONFLICT (topology, task, part, at, key) DO UPDATE SET value = excluded.value`,
          values,
        )
      }
    },
    begun: async (task) => {
      const own = [topology, task]
      const [row] = await store.select('SELECT watermark FROM dure_stream_tasks WHERE topology = ? AND task = ?', own)
      return row === undefined ? -Infinity : Number(row['watermark'])
    },
    read: async (task, part, { at, after }) => {
      const [of, values] = at === undefined ? ['', []] : ['AND at = ?', [at]]
      const [behind, last] = after === undefined ? ['', []] : ['AND (at, key) > (?, ?)', [after.at, after.name]]
      const rows = await store.select(
        `SELECT at, key, value, long_key FROM dure_stream_state
         WHERE topology = ? AND task = ? AND part = ? ${of} ${behind} ORDER BY at, key LIMIT ?`,
        [topology, task, part, ...values, ...last, PAGE],
      )
      return rows.map(stateTextOf)
    },
    pick: async (task, part, at, keys) => {
      const found: StateText[] = []
      for (const some of chunksOf(keys)) {
        const rows = await store.select(
          `SELECT at, key, value, long_key FROM dure_stream_state
           WHERE topology = ? AND task = ? AND part = ? AND at = ? AND key IN (${some.map(() => '?').join(', ')})`,
          [topology, task, part, at, ...some.map(nameOf)],
        )
        found.push(...rows.map(stateTextOf))
      }
      return found
    },
    times: async (task, part, from = Number.MIN_SAFE_INTEGER) => {
      const of = 'FROM dure_stream_state WHERE topology = ? AND task = ? AND part = ?'
      const own = [topology, task, part]
      // From one to the next by the index: there may be millions of keys to each.
      const rows = await store.select(
        `WITH RECURSIVE times (at) AS (
           SELECT min(at) ${of} AND at >= ?
           UNION ALL SELECT (SELECT min(at) ${of} AND at > times.at) FROM times WHERE times.at IS NOT NULL
         ) SELECT at FROM times WHERE at IS NOT NULL`,
        [...own, from, ...own],
      )
      return rows.map((row) => Number(row['at']))
    },
  }
}

function aboutOf(store: SqlStore, topology: string): Pick<StreamRecords, 'shapes' | 'noteShapes' | 'progress'> {
  return {
    shapes: async () =>
      textOf((await store.select('SELECT shapes FROM dure_stream_shapes WHERE topology = ?', [topology]))[0]?.['shapes'] ?? null),
    noteShapes: async (shapes) => {
      await changing(store, (tx) =>
        tx.run(
          `INSERT INTO dure_stream_shapes (topology, shapes) VALUES (?, ?) ON CONFLICT (topology) DO UPDATE SET shapes = excluded.shapes`,
          [topology, shapes],
        ),
      )
    },
    progress: async () => {
      const [[task], positions, [state]] = await Promise.all([
        store.select(
          `SELECT min(watermark) AS watermark FROM (
             SELECT watermark FROM dure_stream_tasks WHERE topology = ?
             UNION ALL SELECT watermark FROM dure_stream_stages WHERE topology = ? AND quiet IS NULL
           ) AS times`,
          [topology, topology],
        ),
        store.select(
          'SELECT topic, partition, position, records FROM dure_stream_positions WHERE topology = ? ORDER BY topic, partition',
          [topology],
        ),
        store.select('SELECT count(*) AS rows_there FROM dure_stream_state WHERE topology = ?', [topology]),
      ])
      const watermark = task?.['watermark'] ?? null
      return {
        watermark: watermark === null ? undefined : Number(watermark),
        records: positions.reduce((sum, { records }) => sum + Number(records), 0),
        rows: Number(state?.['rows_there'] ?? 0),
        partitions: positions.map(({ topic, partition, position }) => {
          return { topic: String(topic), partition: Number(partition), position: textOf(position) }
        }),
      }
    },
  }
}

function* chunksOf<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < all.length; from += ROWS) yield all.slice(from, from + ROWS)
}

const changing = <T>(store: SqlStore, work: (tx: SqlTransaction) => Promise<T>): Promise<T> =>
  store.transaction(work, { isolated: false })
