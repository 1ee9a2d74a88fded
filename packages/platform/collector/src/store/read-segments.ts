/** The segments as those who ask see them: newest first, opened when they are needed. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { openToRead, segmentsIn } from './segment.ts'

export type ReadSegment = {
  readonly number: number
  readonly all: <T>(sql: string, ...values: readonly SQLInputValue[]) => readonly T[]
  readonly first: <T>(sql: string, ...values: readonly SQLInputValue[]) => T | undefined
}

export type ReadSegments = {
  /** Newest first. Each is opened only when it is come to. */
  readonly each: () => Iterable<ReadSegment>
  readonly close: () => void
}

export function readSegments(directory: string): ReadSegments {
  const open = new Map<number, { readonly db: DatabaseSync; readonly segment: ReadSegment }>()
  const segmentOf = (number: number, path: string): ReadSegment | undefined => {
    const before = open.get(number)
    if (before !== undefined) return before.segment
    const db = openToRead(path)
    if (db === undefined) return undefined
    const statements = new Map<string, ReturnType<DatabaseSync['prepare']>>()
    const prepared = (sql: string): ReturnType<DatabaseSync['prepare']> => {
      let statement = statements.get(sql)
      if (statement === undefined) {
        // Conditions vary with what is asked.
        if (statements.size >= 100) statements.clear()
        statements.set(sql, (statement = db.prepare(sql)))
      }
      return statement
    }
    const segment: ReadSegment = {
      number,
      all: <T>(sql: string, ...values: readonly SQLInputValue[]) => prepared(sql).all(...values) as T[],
      first: <T>(sql: string, ...values: readonly SQLInputValue[]) => prepared(sql).get(...values) as T | undefined,
    }
    open.set(number, { db, segment })
    return segment
  }
  return {
    *each() {
      const files = segmentsIn(directory)
      const there = new Set(files.map(({ number }) => number))
      for (const [number, { db }] of open) {
        if (there.has(number)) continue
        db.close()
        open.delete(number)
      }
      for (const { number, path } of files.toReversed()) {
        const segment = segmentOf(number, path)
        if (segment !== undefined) yield segment
      }
    },
    close: () => {
      for (const { db } of open.values()) db.close()
      open.clear()
    },
  }
}
