import type { Fence, InboxRecords, Mark } from '../records.ts'
import { checkFence, fenceValues } from './ownership.ts'
import type { SqlStatements } from './statements.ts'

/** Rows of one statement, beyond which it has one of these sizes: so few statements are prepared. */
const [MANY, MOST] = [16, 64]

/** There is no index on time, which would cost as much as the mark itself: the table is walked in order of its key. */
export const sqlInbox: InboxRecords<SqlStatements> = {
  mark: async (tx, { marks, at }) => {
    // Two that mark the same in opposite orders would wait for each other.
    const sorted = marks.length === 1 ? marks : marks.toSorted(byKey)
    const fenced = sorted.filter(({ fence }) => fence !== undefined) as readonly Required<Mark>[]
    const free = fenced.length === 0 ? sorted : sorted.filter(({ fence }) => fence === undefined)
    const [always, unparked] = free.some((mark) => mark.unparked === true)
      ? [free.filter((mark) => mark.unparked !== true), free.filter((mark) => mark.unparked === true)]
      : [free, []]
    let changed = 0
    for (const some of partsOf(always))
      changed += await tx.run(
        insertOf(some.length),
        some.flatMap(({ consumer, messageId }) => [messageId, consumer, at]),
      )
    for (const some of partsOf(unparked))
      changed += await tx.run(unparkedInsertOf(some.length), [
        at,
        ...some.flatMap(({ messageId, consumer }) => [messageId, consumer]),
      ])
    const before = changed
    for (const some of partsOf(fenced)) {
      const fences = padded([...new Set(some.map(({ fence }) => fence))])
      changed += await tx.run(fencedInsertOf(some.length, fences.length), [
        at,
        ...some.flatMap(({ messageId, consumer }) => [messageId, consumer]),
        ...fences.flatMap(fenceValues),
      ])
    }
    // Marked before, or of an epoch of the past.
    if (changed - before < fenced.length)
      for (const fence of new Set(fenced.map((one) => one.fence!))) await checkFence(tx, fence)
    return changed
  },
  forget: async (tx, { after, limit, before }) => {
    const from = [after?.messageId ?? '', after?.consumer ?? '']
    const [end] = await tx.all(
      'SELECT message_id, consumer FROM dure_inbox WHERE (message_id, consumer) > (?, ?) ORDER BY message_id, consumer LIMIT 1 OFFSET ?',
      [...from, limit - 1],
    )
    if (end === undefined) {
      await tx.run('DELETE FROM dure_inbox WHERE (message_id, consumer) > (?, ?) AND seen_at < ?', [...from, before])
      return undefined
    }
    const to = { messageId: String(end['message_id']), consumer: String(end['consumer']) }
    await tx.run(
      'DELETE FROM dure_inbox WHERE (message_id, consumer) > (?, ?) AND (message_id, consumer) <= (?, ?) AND seen_at < ?',
      [...from, to.messageId, to.consumer, before],
    )
    return to
  },
}

function byKey(a: Mark, b: Mark): number {
  if (a.messageId !== b.messageId) return a.messageId < b.messageId ? -1 : 1
  return a.consumer < b.consumer ? -1 : 1
}

function partsOf<T>(marks: readonly T[]): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = []
  for (let from = 0; from < marks.length; from += parts.at(-1)!.length) {
    const left = marks.length - from
    parts.push(marks.slice(from, from + (left >= MOST ? MOST : Math.min(left, MANY))))
  }
  return parts
}

const ONCE = 'ON CONFLICT (message_id, consumer) DO NOTHING'
const inserts: string[] = []
const unparkedInserts: string[] = []
const fencedInserts = new Map<string, string>()

function insertOf(rows: number): string {
  return (inserts[rows] ??=
    `INSERT INTO dure_inbox (message_id, consumer, seen_at) VALUES ${Array.from({ length: rows }, () => '(?, ?, ?)').join(', ')} ${ONCE}`)
}

/** Marks of so many messages, of which the first says of what type they are; a condition follows. */
function selectOf(rows: number): string {
  return `INSERT INTO dure_inbox (seen_at, message_id, consumer)
      SELECT CAST(? AS BIGINT), wanted.column1, wanted.column2
      FROM (VALUES (CAST(? AS TEXT), CAST(? AS TEXT))${', (?, ?)'.repeat(rows - 1)}) AS wanted`
}

function unparkedInsertOf(rows: number): string {
  return (unparkedInserts[rows] ??= `${selectOf(rows)}
      WHERE NOT EXISTS (
        SELECT 1 FROM dure_parked AS parked WHERE parked.consumer = wanted.column2 AND parked.message_id = wanted.column1) ${ONCE}`)
}

/** Every fence is asked for once, whatever the marks; with one of an epoch of the past nothing is marked. */
function fencedInsertOf(rows: number, fences: number): string {
  const name = `${rows} ${fences}`
  let sql = fencedInserts.get(name)
  if (sql === undefined) {
    sql = `${selectOf(rows)}
      WHERE NOT EXISTS (
        SELECT 1 FROM (VALUES (CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT))${', (?, ?, ?, ?)'.repeat(fences - 1)}) AS fence
        WHERE NOT EXISTS (SELECT 1 FROM dure_partitions AS mine WHERE mine.consumer = fence.column1
          AND mine.topic = fence.column2 AND mine.partition = fence.column3 AND mine.epoch = fence.column4)) ${ONCE}`
    fencedInserts.set(name, sql)
  }
  return sql
}

/** One of these numbers of them, the last one repeated: so few statements are prepared. */
function padded(fences: readonly Fence[]): readonly Fence[] {
  const wanted = [1, 4, MANY, MOST].find((size) => size >= fences.length)!
  return [...fences, ...Array.from({ length: wanted - fences.length }, () => fences.at(-1)!)]
}
