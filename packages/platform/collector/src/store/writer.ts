/** Writes to the store: the newest segment, the file beside them, and what goes when it is time. */
import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from 'dure/runtime'
import type { Rows } from './rows.ts'
import { isFull, segmentPath, segmentsIn, UnreadableError } from './segment.ts'
import { openSegmentWriter, type SegmentWriter } from './segment-writer.ts'
import { openNumbers, type NumbersWriter } from './numbers.ts'

export type StoreLimits = {
  /** Bytes of all segments together; the oldest go first. Default 1 GiB. */
  readonly bytes: number
  /** Milliseconds that anything is kept. Default 7 days. */
  readonly age: number
  /** Bytes of one segment, about; a sixteenth of all when that is less. Default 128 MiB. */
  readonly segmentBytes: number
  /** Milliseconds that a segment is written to. Default an hour. */
  readonly segmentAge: number
}

export type Written =
  | { readonly kind: 'written'; readonly refusedSeries: number }
  /** There is no room on the disk, and nothing of the store that could go for it. */
  | { readonly kind: 'full' }

/** What somebody who runs it should know; said once each. */
export type Said = {
  readonly level: 'info' | 'warn'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

export type StoreWriter = {
  readonly write: (rows: Rows) => Written
  readonly upkeep: () => void
  readonly close: () => void
}

export function openStoreWriter(options: {
  readonly directory: string
  readonly limits: StoreLimits
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly say: (said: Said) => void
}): StoreWriter {
  const { directory, limits, now, say } = options
  makeFolder(directory)
  const numbers = openOrAnew(join(directory, 'numbers.db'), now, say)
  const segmentBytes = Math.min(limits.segmentBytes, limits.bytes / 16)
  /** Where the next one begins. */
  let first: number | undefined
  let current: { readonly number: number; readonly writer: SegmentWriter; readonly since: number } | undefined

  const open = (): NonNullable<typeof current> => {
    // What was written to before is gone on with, unless it is large, or cannot be read.
    for (let number = first ?? segmentsIn(directory).at(-1)?.number ?? 1; ; number++) {
      try {
        return { number, writer: openSegmentWriter(segmentPath(directory, number), segmentBytes), since: now() }
      } catch (error) {
        if (!(error instanceof UnreadableError)) throw error
        say({
          level: 'warn',
          message: 'A file of the store cannot be used; it is left as it is',
          fields: { error: error.message },
        })
      }
    }
  }
  const next = (): void => {
    first = current!.number + 1
    current!.writer.close()
    current = undefined
    prune()
  }
  const remove = (path: string): void => {
    for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
  }
  const prune = (): void => {
    const all = segmentsIn(directory)
    let bytes = all.reduce((sum, each) => sum + each.bytes, 0)
    for (const each of all) {
      if (each.number === current?.number || each === all.at(-1)) break
      if (bytes <= limits.bytes && now() - each.modified <= limits.age) continue
      remove(each.path)
      bytes -= each.bytes
    }
  }
  /** The oldest goes for what is new. */
  const makeRoom = (): boolean => {
    const oldest = segmentsIn(directory)[0]
    if (oldest === undefined || oldest.number === current?.number || segmentsIn(directory).length === 1) return false
    remove(oldest.path)
    say({ level: 'warn', message: 'The disk is full: the oldest segment of the store went', fields: { bytes: oldest.bytes } })
    return true
  }
  /** Undefined: there is no room for it. */
  const inRoom = <T>(work: () => T): T | undefined => {
    for (;;) {
      try {
        return work()
      } catch (error) {
        if (!isFull(error)) throw error
        if (!makeRoom()) return undefined
      }
    }
  }
  return {
    write: (rows) => {
      const done = inRoom(() => {
        current ??= open()
        current.writer.write(rows)
        return true
      })
      if (done === undefined) return { kind: 'full' }
      const refusedSeries = inRoom(() => numbers.write(rows))
      if (refusedSeries === undefined) return { kind: 'full' }
      if (current!.writer.bytes() >= segmentBytes || now() - current!.since >= limits.segmentAge) next()
      return { kind: 'written', refusedSeries }
    },
    upkeep: () => {
      prune()
      numbers.upkeep(limits.age)
    },
    close: () => {
      current?.writer.close()
      numbers.close()
    },
  }
}

/** One that is damaged is put aside, and begun anew: what it counted is lost, and nothing else. */
function openOrAnew(path: string, now: () => number, say: (said: Said) => void): NumbersWriter {
  try {
    return openNumbers(path, { now })
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error
    for (const end of ['', '-wal', '-shm']) rmSync(`${path}.damaged${end}`, { force: true })
    renameSync(path, `${path}.damaged`)
    for (const end of ['-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
    say({
      level: 'warn',
      message: 'Metrics and groups of exceptions begin anew: their file cannot be used',
      fields: { error: error.message },
    })
    return openNumbers(path, { now })
  }
}
