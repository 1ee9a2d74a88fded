import type { Delivery } from 'dure/messaging'
import { fitting } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import { backoff } from 'dure/runtime/internal'
import type { Connection } from './connection.ts'
import { messageOf, sizeOf, type Entry } from './entries.ts'
import { FETCH } from './scripts/topics.ts'
import type { WakeUps } from './wake-ups.ts'

/** Bytes that all readers of a broker may still take in hand, about; who finds none left takes one message at a time. */
export type Budget = { left: number }

/** How far a group has come: the last entry read, and how many are up to there where that is known. */
export type Position = { readonly id: string; readonly count: number | undefined }

/** What a member has read ahead of one partition. It fetches when it is asked and has nothing, and waits for more by itself. */
export type Reader = {
  /** The same until they are taken. */
  readonly next: (limit: number) => readonly Delivery[]
  readonly taken: (batch: readonly Delivery[]) => void
  readonly moveTo: (after: string) => void
  /** Where the group is, when that has changed since it was asked the last time. */
  readonly moved: () => Position | undefined
  /** What was not written after all is told again. */
  readonly again: (position: Position) => void
  readonly stop: () => void
}

type Read = Delivery & { readonly count: number | undefined; readonly size: number }

const READ_BYTES = 1024 * 1024
const READ_MESSAGES = 1_000
const RETRY = { first: 50, max: 2_000 }
const OUT = /^\d{1,16}-\d{1,20}$/

/** Whether the server may have said a position. */
export function isPosition(text: string): boolean {
  return OUT.test(text)
}

export function createReader(options: {
  readonly connection: Connection
  readonly wakeUps: WakeUps
  readonly runtime: Runtime
  readonly budget: Budget
  readonly topic: string
  readonly key: string
  readonly group: string
  readonly partition: number
  /** Something has come. */
  readonly wake: () => void
  readonly failed: (error: unknown) => void
}): Reader {
  const { connection, wakeUps, runtime, budget, topic, key, group, partition, wake, failed } = options
  let waiting: Read[] = []
  /** Where to read on, '' before the group has said it; how many are before that. */
  let after = ''
  let count: number | undefined
  let done: Position | undefined
  let fetching = false
  let failures = 0
  /** Of what was asked before a move nothing is taken. */
  let moves = 0
  let stopped = false
  let unwatch = (): void => {}

  const fetch = async (): Promise<void> => {
    if (fetching || stopped) return
    fetching = true
    unwatch()
    const asked = moves
    try {
      const bytes = Math.max(1, Math.min(READ_BYTES, budget.left))
      const values = [partition, after, group, READ_MESSAGES, bytes, count === undefined ? 1 : 0]
      const [from, before, entries] = await connection.run<[Buffer, Buffer | number, Entry[]]>(
        `read topic "${topic}"`,
        FETCH,
        [key],
        values,
        { bytes: true },
      )
      failures = 0
      if (asked === moves && !stopped) take(String(from), String(before), entries)
    } catch (error) {
      if (connection.isClosed()) stopped = true
      if (stopped) return
      failed(error)
      await runtime.timers.sleep(backoff(RETRY, ++failures, runtime.random))
    } finally {
      fetching = false
    }
    if (stopped) return
    if (waiting.length > 0) wake()
    else if (asked !== moves || failures > 0) void fetch()
    else unwatch = wakeUps.watch(`${key}:${partition}`, after, () => void fetch())
  }

  const take = (from: string, before: string, entries: readonly Entry[]): void => {
    after = from
    if (before !== '') count = Number(before)
    for (const entry of entries) {
      after = entry[0].toString()
      if (count !== undefined) count++
      const size = sizeOf(entry)
      budget.left -= size
      waiting.push({ message: messageOf(topic, partition, entry), partition, position: after, count, size })
    }
  }

  const giveBack = (read: readonly Delivery[]): void => {
    for (const { size } of read as readonly Read[]) budget.left += size
  }

  return {
    next: (count) => {
      const batch = fitting(waiting, { count, size: READ_BYTES }, ({ size }) => size)
      if (batch.length === waiting.length) void fetch()
      return batch
    },
    taken: (batch) => {
      giveBack(batch)
      waiting = waiting.slice(batch.length)
      const last = batch.at(-1) as Read
      done = { id: last.position, count: last.count }
    },
    moveTo: (position) => {
      giveBack(waiting)
      waiting = []
      moves++
      ;[after, count] = [position, undefined]
      void fetch()
    },
    moved: () => {
      const position = done
      done = undefined
      return position
    },
    again: (position) => void (done ??= position),
    stop: () => {
      stopped = true
      unwatch()
      giveBack(waiting)
      waiting = []
    },
  }
}
