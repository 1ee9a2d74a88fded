import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { CallError, type Message } from '../../contract/contract.ts'
import type { Delivery } from '../topics.ts'
import {
  messageFrom,
  messageParameters,
  MESSAGE_COLUMNS,
  MESSAGE_PLACES,
  MESSAGE_TABLE,
  selectMessages,
  sizeOf,
  type MessageRow,
} from './rows.ts'

/**
 * One partition: a table of its own, appended to at its right edge. What its readers have not yet had is
 * kept in memory (the tail), so that a reader in step never touches the table.
 */
export type Partition = {
  readonly topic: string
  readonly number: number
  /** Offset of the oldest message kept. */
  readonly floor: () => number
  /** Offset that the next message gets. */
  readonly next: () => number
  /** Bytes kept, about. */
  readonly bytes: () => number
  /** Appends inside a transaction; `settle` says how that ended. */
  readonly stage: (message: Message, at: number) => void
  readonly settle: (committed: boolean) => void
  /** Whether what comes from an offset on is in memory anyway: reading it takes no more. */
  readonly inMemory: (from: number) => boolean
  /** Up to `limit` deliveries from an offset on, from memory or from the table; of more than `bytes`, one at least. */
  readonly read: (from: number, limit: number, bytes?: number) => readonly StoredDelivery[]
  /** Messages at offsets from `from` on and before `to` whose row meets a condition on `wanted`: a JSON list of texts. */
  readonly find: (wanted: FindInTable) => readonly StoredDelivery[]
  /** When the first message from an offset on was published. */
  readonly publishedAt: (from: number) => number | undefined
  /** Offset of the first message that arrived at or after a time. */
  readonly offsetAt: (time: number) => number
  /** Time of arrival of the oldest message kept. */
  readonly oldest: () => number | undefined
  /** Deletes, inside a transaction, at most `limit` of the oldest that arrived before `time`; answers how many, and what to do when committed. */
  readonly trim: (time: number, limit: number) => { readonly deleted: number; readonly committed: () => void }
  /** Positions of readers at work; they are told of new messages. */
  readonly readers: Set<Reader>
  /** Forgets what every reader has had. */
  readonly forget: () => void
}

type FindInTable = { readonly from: number; readonly to: number; readonly condition: string; readonly value: string }

/** A delivery with its offset as a number. */
export type StoredDelivery = Delivery & { readonly offset: number }

export type Reader = { position: number; readonly wake: () => void }

const TAIL_MESSAGES = 1024
const TAIL_BYTES = 1024 * 1024
/** Bytes read from the table at once, about; one message always is. Every reader that is behind has as much in hand. */
export const READ_BYTES: number = 1024 * 1024

/** The offset behind a position. @throws {CallError} OUT_OF_RANGE when it is none of this broker's */
export function offsetAfter(position: string): number {
  if (/^\d{1,15}$/.test(position)) return Number(position) + 1
  throw new CallError('OUT_OF_RANGE', `Cannot read on behind "${position}": the embedded broker has given out no such position`)
}

export function createPartition(options: {
  db: DatabaseSync
  topicId: number
  topic: string
  number: number
  now: number
}): Partition {
  const { topic, number, now } = options
  const table = openTable(options)
  let { floor, floorTotal, next, total, lastAt } = table.ends()
  const readers = new Set<Reader>()
  let staged: StoredDelivery[] = []
  let stagedTotal = total
  let stagedAt = lastAt
  let tail: StoredDelivery[] = []
  let tailBytes = 0

  const inMemory = (from: number): boolean => tail.length > 0 && tail[0]!.offset <= from
  const forgetAll = (): void => {
    tail = []
    tailBytes = 0
  }

  /** Bytes of the messages from an offset on, as many as there are up to `limit`. */
  const sizeFrom = (from: number, limit: number): number => {
    const before = from <= floor ? floorTotal : (table.at(from - 1)?.total ?? floorTotal)
    return (from + limit >= next ? total : (table.at(from + limit - 1)?.total ?? total)) - before
  }

  const offsetAt = (time: number): number => {
    let low = floor
    let high = next
    // Times of arrival never go down within a partition, so halving finds the first one.
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const row = table.at(middle)
      if (!row || row.at >= time) high = middle
      else low = row.offset + 1
    }
    return low
  }

  if (lastAt > now) {
    // The wall clock was ahead when these came, or they would be young for as long as it was.
    table.setTimes(offsetAt(now), now)
    lastAt = stagedAt = now
  }

  return {
    topic,
    number,
    readers,
    floor: () => floor,
    next: () => next,
    bytes: () => total - floorTotal,
    stage: (message, at) => {
      const offset = next + staged.length
      stagedTotal += sizeOf(message)
      // The wall clock may step back; seeking by time needs times that do not.
      stagedAt = Math.max(stagedAt, at)
      table.insert(offset, stagedAt, stagedTotal, message)
      staged.push({ message, partition: number, position: String(offset), offset })
    },
    settle: (committed) => {
      if (staged.length === 0) return
      const fresh = staged
      staged = []
      if (!committed) {
        stagedTotal = total
        stagedAt = lastAt
        return
      }
      next += fresh.length
      if (readers.size > 0) {
        tailBytes += stagedTotal - total
        tail = tail.length === 0 ? fresh : tail.concat(fresh)
        if (tail.length > TAIL_MESSAGES || tailBytes > TAIL_BYTES) forgetAll()
      }
      total = stagedTotal
      lastAt = stagedAt
      for (const reader of readers) reader.wake()
    },
    inMemory,
    read: (from, limit, bytes = READ_BYTES) => {
      if (from >= next) return []
      if (inMemory(from)) return tail.slice(from - tail[0]!.offset, from - tail[0]!.offset + limit)
      // All at once is faster than one by one, where they are known to fit.
      return table.read(from, limit, sizeFrom(from, limit) <= bytes ? Infinity : bytes)
    },
    // What is staged is in the table already, and may yet be taken back.
    find: (wanted) => table.find({ ...wanted, to: Math.min(wanted.to, next) }),
    publishedAt: (from) => {
      if (from >= next) return undefined
      return inMemory(from) ? tail[from - tail[0]!.offset]?.message.time : table.publishedAt(from)
    },
    offsetAt,
    oldest: () => table.at(floor)?.at,
    trim: (time, limit) => {
      const to = Math.min(offsetAt(time), floor + limit)
      if (to <= floor) return { deleted: 0, committed: () => {} }
      const newTotal = table.removeBefore(to) ?? floorTotal
      return {
        deleted: to - floor,
        committed: () => {
          floor = to
          floorTotal = newTotal
        },
      }
    },
    forget: () => {
      if (tail.length === 0) return
      for (const reader of readers) if (reader.position < next) return
      forgetAll()
    },
  }
}

/** A row's place, when it came, and the bytes up to and with it. */
type Place = { readonly offset: number; readonly at: number; readonly total: number }

/** What is asked of a partition's table. */
function openTable({ db, topicId, topic, number }: { db: DatabaseSync; topicId: number; topic: string; number: number }) {
  const table = `messages_${topicId}_${number}`
  const prepared = new Map<string, StatementSync>()
  const sql = (text: string): StatementSync => {
    let statement = prepared.get(text)
    if (!statement) prepared.set(text, (statement = db.prepare(text)))
    return statement
  }
  const insert = sql(`INSERT INTO ${table} (offset, at, total, ${MESSAGE_COLUMNS}) VALUES (?, ?, ?, ${MESSAGE_PLACES})`)
  const placeOf = (row: Record<string, unknown> | undefined): Place | undefined =>
    row && { offset: Number(row['offset']), at: Number(row['at']), total: Number(row['total']) }
  const reading = (where: string): string => `SELECT offset, 0, ${MESSAGE_COLUMNS} FROM ${table} WHERE ${where} ORDER BY offset`
  const rows = selectMessages(db, `${reading('offset >= ?')} LIMIT ?`)
  const deliveryOf = (row: MessageRow): StoredDelivery => {
    const [offset] = row
    return { message: messageFrom(row, topic), partition: number, position: String(offset), offset }
  }

  return {
    /** The oldest and the next offset, the bytes before each, and when the last message came. */
    ends: () => {
      const kept = sql('SELECT floor, floor_total FROM partitions WHERE topic = ? AND number = ?').get(topicId, number)
      const [floor, floorTotal] = [Number(kept?.['floor'] ?? 0), Number(kept?.['floor_total'] ?? 0)]
      const last = placeOf(sql(`SELECT offset, at, total FROM ${table} ORDER BY offset DESC LIMIT 1`).get())
      const { offset, total, at } = last ?? { offset: floor - 1, total: floorTotal, at: 0 }
      return { floor, floorTotal, next: offset + 1, total, lastAt: at }
    },
    at: (offset: number): Place | undefined =>
      placeOf(sql(`SELECT offset, at, total FROM ${table} WHERE offset >= ? ORDER BY offset LIMIT 1`).get(offset)),
    insert: (offset: number, at: number, total: number, message: Message): void =>
      void insert.run(offset, at, total, ...messageParameters(message)),
    /** Of more than `bytes`, one at least. */
    read: (first: number, limit: number, bytes: number): readonly StoredDelivery[] => {
      if (bytes === Infinity) return rows.all(first, limit).map(deliveryOf)
      const found: StoredDelivery[] = []
      let size = 0
      for (const row of rows.iterate(first, limit)) {
        const delivery = deliveryOf(row)
        size += sizeOf(delivery.message)
        if (size > bytes && found.length > 0) break
        found.push(delivery)
      }
      return found
    },
    find: ({ from, to, condition, value }: FindInTable): readonly StoredDelivery[] =>
      selectMessages(
        db,
        `WITH wanted (value) AS (SELECT value FROM json_each(?)) ${reading(`offset >= ? AND offset < ? AND ${condition}`)}`,
      )
        .all(value, from, to)
        .map(deliveryOf),
    publishedAt: (from: number): number | undefined => {
      const row = sql(`SELECT time FROM ${table} WHERE offset >= ? ORDER BY offset LIMIT 1`).get(from)
      return row && Number(row['time'])
    },
    setTimes: (from: number, at: number): void => void sql(`UPDATE ${table} SET at = ? WHERE offset >= ?`).run(at, from),
    /** Answers the bytes up to there; undefined when there was nothing. */
    removeBefore: (to: number): number | undefined => {
      const last = sql(`SELECT total FROM ${table} WHERE offset < ? ORDER BY offset DESC LIMIT 1`).get(to)
      sql(`DELETE FROM ${table} WHERE offset < ?`).run(to)
      const total = last && Number(last['total'])
      sql('UPDATE partitions SET floor = ?, floor_total = coalesce(?, floor_total) WHERE topic = ? AND number = ?').run(
        ...[to, total ?? null, topicId, number],
      )
      return total
    },
  }
}

/** The table behind a partition, made when its topic is declared. */
export function createPartitionTable(db: DatabaseSync, topicId: number, number: number): void {
  db.exec(
    `CREATE TABLE messages_${topicId}_${number} (
      offset INTEGER PRIMARY KEY, at INTEGER NOT NULL, total INTEGER NOT NULL, ${MESSAGE_TABLE}
    ) STRICT`,
  )
  db.prepare('INSERT INTO partitions (topic, number) VALUES (?, ?)').run(topicId, number)
}
