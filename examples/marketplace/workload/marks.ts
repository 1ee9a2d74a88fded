import { setTimeout as pause } from 'node:timers/promises'
import type { DoorClient } from './door.ts'

/** How an asynchronous transaction ended, and when its mark arrived here (monotonic milliseconds). */
export type Ending = { readonly status: string; readonly source: string; readonly at: number }

export type MarkFollower = {
  /** Resolves when the transaction's mark arrives, or with nothing on `release`. Ask before sending, or the mark may come first. */
  readonly expect: (tid: string) => Promise<Ending | undefined>
  /** Nobody waits for it any more. */
  readonly forget: (tid: string) => void
  /** Lets everybody go who waits now. */
  readonly release: () => void
  /** Transactions whose mark is waited for. */
  readonly waiting: () => number
  /** Position of the last mark that was read. */
  readonly position: () => number
  readonly stop: () => Promise<void>
}

/** A mark as it is read, wherever it is read from. */
export type ReadMark = { readonly position: number; readonly tid: string; readonly status: string; readonly source: string }
export type OpenMarks = (after: number, signal: AbortSignal) => AsyncIterable<ReadMark>

/** Follows the log of marks; when the stream ends or breaks it goes on after the last position, so no mark is missed. */
export function followMarks(options: {
  open: OpenMarks
  after: number
  now: () => number
  /** Resolves after so many milliseconds, or when the signal aborts. Default: by the event loop. */
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>
}): MarkFollower {
  const { open, now, sleep = (ms, signal) => pause(ms, undefined, { signal }) } = options
  const expected = new Map<string, (ending: Ending | undefined) => void>()
  const stopping = new AbortController()
  let position = options.after

  const read = async (): Promise<void> => {
    for await (const mark of open(position, stopping.signal)) {
      position = mark.position
      const resolve = expected.get(mark.tid)
      if (!resolve) continue
      expected.delete(mark.tid)
      resolve({ status: mark.status, source: mark.source, at: now() })
    }
  }
  const follow = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await read().catch(() => {})
      // Whether it ended or broke, it is opened again; a server that is down is not asked more than five times a second.
      await sleep(200, stopping.signal).catch(() => {})
    }
  }
  const following = follow()
  return {
    expect: (tid) => new Promise((resolve) => void expected.set(tid, resolve)),
    forget: (tid) => void expected.delete(tid),
    release: () => {
      for (const resolve of expected.values()) resolve(undefined)
      expected.clear()
    },
    waiting: () => expected.size,
    position: () => position,
    stop: async () => {
      stopping.abort()
      await following
    },
  }
}

/** `GET /marks` as it comes. */
export function marksOf(door: DoorClient): OpenMarks {
  return async function* (after, signal) {
    for await (const line of door.lines(`/marks?after=${after}`, signal)) {
      const mark = JSON.parse(line) as Partial<ReadMark>
      // A stream that the server had to break off says so in its last line.
      if (mark.position === undefined) return
      yield mark as ReadMark
    }
  }
}
