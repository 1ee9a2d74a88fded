import type { SqlRow, SqlStore, SqlValue } from '../../data/data.ts'
import { nameOf, stateTextOf, valueOf } from './state-text.ts'

/** One cell, as whoever asks sees it. `watermark`: of its task, as it was committed with the cell or since. */
export type StateRow = {
  readonly task: number
  readonly key: string
  readonly at: number
  readonly value: unknown
  readonly watermark: number
}

/** Milliseconds since the epoch, both included. */
export type Times = { readonly from: number; readonly to: number }
/** Keys behind one and before another, as the store orders texts: longer ones than 256 characters are there as a hash that begins with "#". */
export type Keys = { readonly after?: string | undefined; readonly before?: string | undefined }

/** What there is of keys, in all tasks: in order of key, task and time. */
export type AskedRecords = {
  readonly find: (part: string, key: string, times: Times) => Promise<readonly StateRow[]>
  /** All of the first keys that have something. */
  readonly list: (part: string, limit: number, keys?: Keys, times?: Times) => Promise<readonly StateRow[]>
}

const EVER: Times = { from: Number.MIN_SAFE_INTEGER, to: Number.MAX_SAFE_INTEGER }
const OF = 'FROM dure_stream_state s WHERE s.topology = ?'
const HERE = 's.topology = ? AND s.task = places.task AND s.part = ? AND s.at = places.at'

/**
 * Tasks, times and keys are found one after the other by the index, for there may be millions of keys to each time.
 * `stageOf`: which stage keeps the time of a part, where a topology is cut.
 */
export function askedRecords(
  store: SqlStore,
  topology: string,
  stageOf: (part: string) => string | undefined = () => undefined,
): AskedRecords {
  /** All tasks, and the times of a part in each. */
  const placesOf = (part: string, { from, to }: Times): readonly [string, readonly SqlValue[]] => {
    const text = `
      tasks (task) AS (
        SELECT min(s.task) ${OF}
        UNION ALL SELECT (SELECT min(s.task) ${OF} AND s.task > tasks.task) FROM tasks WHERE tasks.task IS NOT NULL
      ), places (task, at) AS (
        SELECT tasks.task, (SELECT min(s.at) ${OF} AND s.task = tasks.task AND s.part = ? AND s.at BETWEEN ? AND ?) FROM tasks
        UNION ALL SELECT places.task, (
          SELECT min(s.at) ${OF} AND s.task = places.task AND s.part = ? AND s.at > places.at AND s.at <= ?
        ) FROM places WHERE places.at IS NOT NULL
      )`
    return [text, [topology, topology, topology, part, from, to, topology, part, to]]
  }
  const columnsOf = (part: string): readonly [string, readonly SqlValue[]] => {
    const stage = stageOf(part)
    const of =
      stage === undefined
        ? 'tasks w WHERE w.topology = ? AND w.task'
        : 'stages w WHERE w.topology = ? AND w.stage = ? AND w.partition'
    return [
      `SELECT s.task, s.at, s.key, s.value, s.long_key, (SELECT w.watermark FROM dure_stream_${of} = s.task) AS watermark`,
      [topology, ...(stage === undefined ? [] : [stage])],
    ]
  }
  return {
    find: async (part, key, times) => {
      const [places, inPlaces] = placesOf(part, times)
      const [columns, inColumns] = columnsOf(part)
      const rows = await store.select(
        `WITH RECURSIVE ${places} ${columns} FROM places CROSS JOIN dure_stream_state s WHERE ${HERE} AND s.key = ? ORDER BY s.task, s.at`,
        [...inPlaces, ...inColumns, topology, part, nameOf(key)],
      )
      return rows.map(rowOf)
    },
    list: async (part, limit, { after, before } = {}, times = EVER) => {
      const [places, inPlaces] = placesOf(part, times)
      const [columns, inColumns] = columnsOf(part)
      const [first, inFirst] = after === undefined ? ['', []] : ['AND s.key > ?', [nameOf(after)]]
      const [end, inEnd] = before === undefined ? ['', []] : ['AND s.key < ?', [nameOf(before)]]
      const next = (behind: string): string =>
        `(SELECT min(one.key) FROM (SELECT (SELECT min(s.key) FROM dure_stream_state s WHERE ${HERE} ${behind} ${end}) AS key FROM places) one)`
      const rows = await store.select(
        `WITH RECURSIVE ${places}, keys (key, nth) AS (
           SELECT ${next(first)}, 1
           UNION ALL SELECT ${next('AND s.key > keys.key')}, keys.nth + 1 FROM keys WHERE keys.key IS NOT NULL AND keys.nth < ?
         ) ${columns} FROM keys CROSS JOIN places CROSS JOIN dure_stream_state s WHERE ${HERE} AND s.key = keys.key ORDER BY s.key, s.task, s.at`,
        [...inPlaces, topology, part, ...inFirst, ...inEnd, topology, part, ...inEnd, limit, ...inColumns, topology, part],
      )
      return rows.map(rowOf)
    },
  }
}

function rowOf(row: SqlRow): StateRow {
  const watermark = row['watermark'] ?? null
  return {
    ...{ task: Number(row['task']), ...valueOf(stateTextOf(row)) },
    watermark: watermark === null ? -Infinity : Number(watermark),
  }
}
