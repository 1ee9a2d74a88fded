import { sql, type Kysely } from 'dure/data'
import type { Mark } from '../../mark.ts'
import { prepared } from '../../prepared.ts'
import type { AuditTables } from './tables.ts'

type Db = Kysely<AuditTables>
export type MarkRow = AuditTables['marks']

const insertMark = prepared(
  (_tx: Db, [tid, type, actorId, status, source, time]: readonly [string, string, number, string, string, number]) =>
    sql`insert into marks (position, tid, type, actor_id, status, source, time)
      select coalesce(max(position), 0) + 1, ${tid}, ${type}, ${actorId}, ${status}, ${source}, ${time} from marks`,
)

/**
 * Appends a mark one position after the last. Not by a counter of the engine's: two transactions can take its numbers
 * in one order and commit in the other, and a reader would pass the one that is still to come. Here the second of
 * two that want the same position waits for the first, fails, and is delivered again.
 */
export async function appendMark(tx: Db, mark: Mark, time: number): Promise<void> {
  const { tid, type, actorId, status, source } = mark
  await insertMark(tx, [tid, type, actorId, status, source, time])
}

const selectAfter = prepared((read: Db, { after, limit }: { after: number; limit: number }) =>
  read.selectFrom('marks').selectAll().where('position', '>', after).orderBy('position').limit(limit),
)

export async function marksAfter(read: Db, after: number, limit: number): Promise<MarkRow[]> {
  return (await selectAfter(read, { after, limit })).rows
}

export async function marksOf(read: Db, tid: string): Promise<MarkRow[]> {
  return read.selectFrom('marks').selectAll().where('tid', '=', tid).orderBy('position').limit(1_000).execute()
}

export type MarkTotals = {
  marks: number
  last: number
  byOutcome: { type: Mark['type']; status: Mark['status']; count: number }[]
}

export async function markTotals(read: Db): Promise<MarkTotals> {
  const byOutcome = await read
    .selectFrom('marks')
    .select(['type', 'status', sql<number>`count(*)`.as('count')])
    .groupBy(['type', 'status'])
    .orderBy('type')
    .orderBy('status')
    .execute()
  const { last } = await read
    .selectFrom('marks')
    .select(sql<number>`coalesce(max(position), 0)`.as('last'))
    .executeTakeFirstOrThrow()
  return { marks: byOutcome.reduce((sum, { count }) => sum + count, 0), last, byOutcome }
}

export async function deleteMarks(tx: Db): Promise<void> {
  await tx.deleteFrom('marks').execute()
}
