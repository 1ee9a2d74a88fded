import type { DatabaseSync } from 'node:sqlite'
import { type Message } from '../../contract/contract.ts'
import { describeThrown } from '../../contract/internal.ts'
import type { Runtime, Timer } from '../../runtime/runtime.ts'
import type { QueueOptions, ReceiveOptions } from '../broker.ts'
import { NonRetryableError } from '../non-retryable.ts'
import { backoff, retryPolicy } from '../retry.ts'
import type { Commits } from './commits.ts'
import { createDeadList, type DeadList } from './dead.ts'
import type { BrokerFile } from './file.ts'
import { messageFrom, MESSAGE_COLUMNS } from './rows.ts'

/**
 * One queue's work. A message is visible from a moment on; taking it moves that moment to the end of the lease
 * and counts the attempt, both durable before the handler sees it: a message that kills the process is found
 * out by its count. Settling names the attempt, so that a holder whose lease ran out settles nothing.
 */
export type WorkList = {
  readonly id: number
  readonly name: string
  readonly settings: () => Required<QueueOptions>
  readonly change: (settings: Required<QueueOptions>) => Promise<void>
  readonly size: () => number
  /** Receivers at work. */
  readonly members: () => number
  readonly grew: (by: number) => void
  /** Hands out what is visible to those who have a hand free. */
  readonly wake: () => void
  readonly join: (options: ReceiveOptions) => { readonly stop: () => Promise<void> }
  readonly dead: DeadList
  readonly stop: () => void
}

type Receiver = { readonly options: ReceiveOptions; inHand: number; leaving: boolean; idle: (() => void) | undefined }
type Taken = {
  readonly seq: number
  readonly attempt: number
  readonly message: Message
  /** When its lease is over. */
  readonly until: number
}
type Held = Taken & { readonly receiver: Receiver }

const RETRY = retryPolicy({ first: 100, longest: 30_000 })
const RETRY_TAKING = 1000
/** Longer than this a timer is set in steps: the platform's own overflow after 24 days. */
const LONGEST_ALARM = 3_600_000
/** UTF-16 units of data of one queue that are worked on at once, about; one message always is. */
const MOST_IN_HAND = 16 * 1024 * 1024
const FEW = 16

export function createWorkList(options: {
  file: BrokerFile
  commits: Commits
  runtime: Runtime
  time: () => number
  id: number
  name: string
  settings: Required<QueueOptions>
}): WorkList {
  const { file, commits, runtime, time, id, name } = options
  const { db } = file
  const sql = statements(db)
  const receivers: Receiver[] = []
  let settings = options.settings
  let size = Number(sql.size.get(id)?.['n'] ?? 0)
  let taking = false
  let again = false
  let alarm: Timer | undefined
  let alarmAt = 0
  let turn = 0
  /** Work whose handler is at it within its lease, in the order in which it was taken. */
  const held = new Set<Held>()
  let heldSize = 0
  /** Something visible was left because what is in hand is too large; it is taken when that ends. */
  let full = false

  const hands = (): number => receivers.reduce((sum, receiver) => sum + free(receiver), 0)

  /** Runs inside a transaction: claims what is visible and buries what has had its attempts. */
  const claim = (limit: number): { taken: Taken[]; buried: number } => {
    const now = time()
    const taken: Taken[] = []
    let buried = 0
    for (const row of visible(Math.floor(now), limit)) {
      const seq = Number(row['seq'])
      const attempts = Number(row['attempts'])
      if (attempts >= settings.attempts) {
        sql.bury.run(
          'It was taken as often as allowed and never settled: its handler hung or its process died',
          runtime.clock.now(),
          seq,
          attempts,
        )
        buried++
        continue
      }
      const until = Math.ceil(now + settings.lease)
      sql.take.run(until, seq)
      taken.push({ seq, attempt: attempts + 1, message: messageFrom(row, name), until })
    }
    return { taken, buried }
  }

  /** Rows that are due, as many as there is room for. */
  const visible = (now: number, limit: number): readonly Record<string, unknown>[] => {
    const rows: Record<string, unknown>[] = []
    let size = heldSize
    full = false
    // All at once is faster than one by one, and the largest that few can be is not much.
    for (const row of limit <= FEW ? sql.visible.all(id, now, limit) : sql.visible.iterate(id, now, limit)) {
      size += String(row['data']).length
      full = size > MOST_IN_HAND && rows.length + held.size > 0
      if (full) break
      rows.push(row)
    }
    return rows
  }

  const take = async (): Promise<void> => {
    taking = true
    let claimed: ReturnType<typeof claim> = { taken: [], buried: 0 }
    try {
      do {
        again = false
        await commits.add({ write: () => void (claimed = claim(hands())), relaxed: true })
        size -= claimed.buried
        for (const work of claimed.taken) start(work)
      } while ((again || claimed.buried > 0) && hands() > 0)
    } catch (error) {
      for (const receiver of receivers) receiver.options.onError?.(error)
      wakeAfter(RETRY_TAKING)
      return
    } finally {
      taking = false
    }
    setAlarm()
  }

  const wake = (): void => {
    if (hands() === 0) return
    again = true
    if (!taking) void take()
  }

  const silence = (): void => {
    alarm?.cancel()
    alarm = undefined
  }

  const wakeAfter = (ms: number): void => {
    const at = runtime.clock.monotonic() + ms
    // One that is earlier looks again.
    if (alarm !== undefined && alarmAt <= at) return
    silence()
    alarmAt = at
    alarm = runtime.timers.after(ms, () => {
      alarm = undefined
      expire()
      if (hands() > 0) wake()
      else setAlarm()
    })
  }

  /** The next message that is delayed, backing off or leased to somebody comes up by itself; so does the next free hand. */
  const setAlarm = (): void => {
    const [oldest] = held
    const next = hands() === 0 || full ? null : sql.next.get(id)?.['at']
    const at = Math.min(oldest?.until ?? Infinity, Number(next ?? Infinity))
    if (at < Infinity) wakeAfter(Math.min(LONGEST_ALARM, Math.max(1, at - time())))
  }

  /** Who is at it for longer than its lease has lost it: the hand is free, or handlers that hang would take them all. */
  const expire = (): void => {
    const now = time()
    for (const work of held) {
      if (work.until > now) continue
      letGo(work)
      work.receiver.options.onLapse?.(work.message, { attempt: work.attempt })
    }
  }

  const letGo = (work: Held): void => {
    if (!held.delete(work)) return
    const { receiver } = work
    heldSize -= work.message.data.length
    receiver.inHand--
    if (receiver.inHand === 0) receiver.idle?.()
  }

  /** Receivers take turns, so that one with many hands does not get everything. */
  const start = (work: Taken): void => {
    for (let i = 0; i < receivers.length; i++) {
      const receiver = receivers[turn++ % receivers.length]!
      if (free(receiver) === 0) continue
      receiver.inHand++
      const own: Held = { ...work, receiver }
      held.add(own)
      heldSize += work.message.data.length
      void handle(own)
      return
    }
    // Its receiver left between claim and start: give it back.
    void settle(() => Number(sql.release.run(Math.floor(time()), work.seq, work.attempt).changes)).catch(() => {})
  }

  const handle = async (work: Held): Promise<void> => {
    const { receiver, seq, attempt, message } = work
    try {
      await receiver.options.handle(message, { attempt })
      await settle(() => Number(sql.done.run(seq, attempt).changes), -1)
    } catch (error) {
      receiver.options.onError?.(error)
      await fail(seq, attempt, error).catch((trouble: unknown) => receiver.options.onError?.(trouble))
    } finally {
      letGo(work)
      wake()
    }
  }

  const fail = (seq: number, attempt: number, error: unknown): Promise<void> => {
    const now = runtime.clock.now()
    const text = textOf(error)
    if (attempt >= settings.attempts || error instanceof NonRetryableError)
      return settle(() => Number(sql.bury.run(text, now, seq, attempt).changes), -1)
    const pause = Math.ceil(backoff(RETRY, attempt, runtime.random))
    return settle(() => Number(sql.fail.run(Math.ceil(time() + pause), pause, text, now, seq, attempt).changes))
  }

  /** One statement of the holder of a lease; when it changed a row, the queue's size changes by `by`. */
  const settle = (run: () => number, by = 0): Promise<void> => {
    let changed = 0
    return commits.add({
      write: () => void (changed = run()),
      committed: () => void (size += changed * by),
      relaxed: true,
    })
  }

  return {
    id,
    name,
    settings: () => settings,
    change: (next) =>
      commits.add({
        write: () => void db.prepare('UPDATE queues SET lease = ?, attempts = ? WHERE id = ?').run(next.lease, next.attempts, id),
        committed: () => void (settings = next),
      }),
    size: () => size,
    members: () => receivers.length,
    grew: (by) => void (size += by),
    wake,
    join: (wish) => {
      const receiver: Receiver = { options: wish, inHand: 0, leaving: false, idle: undefined }
      receivers.push(receiver)
      wake()
      const leave = async (): Promise<void> => {
        receiver.leaving = true
        if (receiver.inHand > 0) await new Promise<void>((resolve) => void (receiver.idle = resolve))
        receivers.splice(receivers.indexOf(receiver), 1)
        if (receivers.length === 0) silence()
      }
      let left: Promise<void> | undefined
      return { stop: () => (left ??= leave()) }
    },
    dead: createDeadList({
      db,
      commits,
      runtime,
      time,
      id,
      name,
      revived: (count) => {
        size += count
        wake()
      },
    }),
    stop: silence,
  }
}

function free(receiver: Receiver): number {
  return receiver.leaving ? 0 : Math.max(0, (receiver.options.concurrency ?? 16) - receiver.inHand)
}

function textOf(error: unknown): string {
  return describeThrown(error).words.slice(0, 2000).toWellFormed()
}

function statements(db: DatabaseSync) {
  return {
    size: db.prepare('SELECT count(*) AS n FROM work WHERE queue = ? AND dead = 0'),
    visible: db.prepare(
      `SELECT seq, attempts, ${MESSAGE_COLUMNS} FROM work WHERE queue = ? AND dead = 0 AND visible_at <= ? ORDER BY visible_at, seq LIMIT ?`,
    ),
    next: db.prepare('SELECT min(visible_at) AS at FROM work WHERE queue = ? AND dead = 0'),
    take: db.prepare('UPDATE work SET visible_at = ?, leased = 1, attempts = attempts + 1 WHERE seq = ?'),
    done: db.prepare('DELETE FROM work WHERE seq = ? AND attempts = ? AND dead = 0'),
    fail: db.prepare(
      'UPDATE work SET visible_at = ?, delay = ?, leased = 0, error = ?, failed_at = ? WHERE seq = ? AND attempts = ? AND dead = 0',
    ),
    bury: db.prepare(
      'UPDATE work SET dead = 1, leased = 0, error = ?, failed_at = ? WHERE seq = ? AND attempts = ? AND dead = 0',
    ),
    release: db.prepare(
      'UPDATE work SET visible_at = ?, leased = 0, attempts = attempts - 1 WHERE seq = ? AND attempts = ? AND dead = 0',
    ),
  }
}
