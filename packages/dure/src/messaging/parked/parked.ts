import type { Message } from '../../contract/contract.ts'
import type { SqlTransaction } from '../../data/data.ts'
import { type Runtime, type Timer } from '../../runtime/runtime.ts'
import { backoff, longestBackoff, steadyTime } from '../../runtime/internal.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { isLastTry, rowFor, type ParkedEntry } from './entry.ts'
import { fingerprintOf, letterOf } from './fingerprint.ts'
import { errorText, headOf, insertParked, parkedKeys, type LetterStore, type ParkedRow } from './rows.ts'
import { type RetryPolicy } from '../retry.ts'

export type { ParkedEntry } from './entry.ts'
export { firstLine, hashOf, OUTBOX, outboxOf } from './fingerprint.ts'
export { messageOf, rowOf, type LetterStore } from './rows.ts'

/**
 * What one consumer has set aside: keys whose messages wait for another try, in order, while everything else goes
 * on. Tries are counted in the database before they begin, so that a message that kills the process is known
 * after the restart; such suspects are then tried one at a time.
 */
export type Parked = {
  /** Nothing is parked, as far as is known here. */
  readonly empty: () => boolean
  /** Whether messages of a key have to queue up behind parked ones. */
  readonly holds: (key: string) => boolean
  /** Keeps a key parked until `release`: its messages in hand are about to be added. */
  readonly reserve: (key: string) => void
  readonly release: (key: string) => void
  /** Adds messages, in order, in one transaction of their own; `also` runs in it. */
  readonly add: (arrivals: readonly ParkedEntry[], also?: (tx: SqlTransaction) => Promise<unknown>) => Promise<void>
  /** Looks at the table again: somebody else has changed it. */
  readonly reload: () => Promise<void>
  readonly count: () => ParkedCount
  /** Lets tries in hand end and begins none. */
  readonly stop: () => Promise<void>
}

export type ParkedCount = {
  /** Messages waiting for another try, and those behind them. */
  readonly waiting: number
  /** Dead letters, and the messages held behind them. */
  readonly dead: number
  readonly letters: number
  /** When the oldest of the dead letters failed first. */
  readonly oldest: number | undefined
  readonly trying: number
  /** Of those that wait, those that wait for their first try. */
  readonly delayed: number
}

/** One try of a parked message: its effect and `finish` in one transaction. Rejects when it fails. */
export type TryAgain = (message: Message, finish: (tx: SqlTransaction) => Promise<boolean>) => Promise<void>

type Key = {
  readonly key: string
  rows: number
  reserved: number
  dead: boolean
  /** When its head failed first; 0 when it has not. */
  failedAt: number
  active: boolean
  queued: boolean
  suspect: boolean
  nextAt: number
  /** It waits for its first try. */
  delayed: boolean
}

/** After trouble with the store itself, which says nothing about the message. */
const STORE_PAUSE = 1000

export async function openParked(options: {
  store: LetterStore
  consumer: string
  runtime: Runtime
  log: Logger
  retry: RetryPolicy
  concurrency: number
  tryAgain: TryAgain
  /** Whether no further try is worth it. Default as the policy says. */
  isDead?: (error: unknown, tries: number, message: Message) => boolean
  /** Others may try the same messages: who begins a try has the message for as long as the longest pause. */
  shared?: boolean
}): Promise<Parked> {
  const { store, consumer, runtime, log, retry, concurrency, tryAgain, shared = false } = options
  const { isDead = (error, tries) => isLastTry(retry, error, tries) } = options
  const keys = new Map<string, Key>()
  const ready: Key[] = []
  /** Rows added so far: tells a look at the table that it is out of date. */
  let arrivals = 0
  let active = 0
  let suspects = 0
  let alarm: Timer | undefined
  let alarmAt = Infinity
  let stopped = false
  let idle: (() => void) | undefined

  const keyOf = (name: string): Key => {
    let key = keys.get(name)
    if (!key) {
      key = {
        key: name,
        rows: 0,
        reserved: 0,
        dead: false,
        failedAt: 0,
        active: false,
        queued: false,
        suspect: false,
        nextAt: 0,
        delayed: false,
      }
      keys.set(name, key)
    }
    return key
  }

  const time = steadyTime(runtime.clock)
  /** When a row is due; a wait that is longer than the pause after so many tries is one of a clock that was set back since. */
  const dueAt = ({ nextAt, started, delay = 0 }: { nextAt: number; started: number; delay?: number | undefined }): number => {
    const most = started === 0 ? delay : shared ? retry.max : longestBackoff(retry, started)
    return nextAt - time() > most + STORE_PAUSE ? 0 : nextAt
  }

  const forget = (key: Key): void => {
    if (key.rows <= 0 && key.reserved === 0 && !key.active && !key.queued) keys.delete(key.key)
  }

  const enqueue = (key: Key): void => {
    if (key.active || key.queued || key.dead || key.rows <= 0) return
    const wait = key.nextAt - time()
    if (wait > 0) return wakeAt(key.nextAt, wait)
    key.queued = true
    ready.push(key)
    pump()
  }

  const wakeAt = (at: number, wait: number): void => {
    if (at >= alarmAt || stopped) return
    alarm?.cancel()
    alarmAt = at
    alarm = runtime.timers.after(Math.min(wait, 3_600_000), () => {
      alarmAt = Infinity
      for (const key of keys.values()) enqueue(key)
    })
  }

  const pump = (): void => {
    // While it is not known which of several tries ended the process, one is made at a time.
    const limit = suspects > 0 ? 1 : concurrency
    while (!stopped && active < limit && ready.length > 0) {
      const key = ready.shift()!
      key.queued = false
      key.active = true
      active++
      void drain(key)
        .catch((error: unknown) => {
          log.warn('Parked messages cannot be tried again now; trying later', { consumer, error })
          key.nextAt = time() + STORE_PAUSE
        })
        .finally(() => {
          key.active = false
          active--
          clearSuspect(key)
          forget(key)
          enqueue(key)
          pump()
          if (active === 0) idle?.()
        })
    }
  }

  /** Tries a key's messages in order until one fails, or none is left. Rejects for trouble with the store. */
  const drain = async (key: Key): Promise<void> => {
    while (!stopped) {
      const before = arrivals
      const row = await headOf(store, consumer, key.key)
      if (!row) {
        // What has come since the look is not in it.
        if (arrivals !== before) continue
        key.rows = 0
        return
      }
      key.dead = row.state === 'dead'
      key.failedAt = row.firstFailure ?? 0
      key.nextAt = dueAt({ ...row, delay: row.message.delay })
      key.delayed = row.started === 0 && key.nextAt > time()
      if (key.dead || key.nextAt > time()) return
      if (!(await attempt(key, row))) return
    }
  }

  /** True when the message is out of the way. */
  const attempt = async (key: Key, row: ParkedRow): Promise<boolean> => {
    const started = row.started + 1
    const begun = await store.transaction((tx) =>
      tx.run(
        "UPDATE dure_parked SET started = ?, next_at = ?, state = 'waiting' WHERE consumer = ? AND message_id = ? AND started = ? AND state <> 'dead'",
        [started, shared ? Math.ceil(time() + retry.max) : row.nextAt, consumer, row.message.id, row.started],
      ),
    )
    if (begun === 0) return true
    let failure: { readonly error: unknown } | undefined
    try {
      await tryAgain(row.message, async (tx) => {
        const removed = await tx.run('DELETE FROM dure_parked WHERE consumer = ? AND message_id = ? AND started = ?', [
          consumer,
          row.message.id,
          started,
        ])
        return removed === 1
      })
    } catch (error) {
      failure = { error }
    }
    if (failure) await recordFailure(key, row, { started, error: failure.error })
    else key.rows--
    return failure === undefined
  }

  const recordFailure = async (
    key: Key,
    row: ParkedRow,
    failure: { readonly started: number; readonly error: unknown; readonly crashed?: boolean },
  ): Promise<void> => {
    const { started, error, crashed = false } = failure
    const now = runtime.clock.now()
    const crashes = row.crashes + (crashed ? 1 : 0)
    const dead = isDead(error, started, row.message) || crashes >= retry.crashes
    const nextAt = dead ? 0 : Math.ceil(time() + backoff(retry, started, runtime.random))
    const text = errorText(error)
    const fingerprint = fingerprintOf({ consumer, topic: row.message.type, error: text })
    await store.transaction((tx) =>
      tx.run(
        `UPDATE dure_parked SET finished = ?, crashes = ?, state = ?, next_at = ?, error = ?, fingerprint = ?,
           first_failure = coalesce(first_failure, ?), last_failure = ?
         WHERE consumer = ? AND message_id = ?`,
        [started, crashes, dead ? 'dead' : 'waiting', nextAt, text, fingerprint, now, now, consumer, row.message.id],
      ),
    )
    key.dead = dead
    key.failedAt = row.firstFailure ?? now
    key.nextAt = nextAt
    report(row.message, dead, error, started)
  }

  const report = (message: Message, dead: boolean, error: unknown, tries: number): void => {
    const fields = { consumer, topic: message.type, messageId: message.id, tries }
    if (dead) {
      const letter = letterOf(consumer, message.id)
      log.error('A message is dead; later ones of its key are held until somebody decides', { ...fields, letter, error })
    }
    // Where it failed is worth a screen of text once, not at every try.
    else
      log.warn('A message failed and will be tried again; later ones of its key wait behind it', {
        ...fields,
        error: errorText(error),
      })
  }

  const clearSuspect = (key: Key): void => {
    if (!key.suspect) return
    key.suspect = false
    suspects--
  }

  const add: Parked['add'] = async (messages, also) => {
    const rows = messages.map((one) => {
      const dead = 'failure' in one && isDead(one.failure, 1, one.message)
      return rowFor(one, { consumer, retry, runtime, time, dead })
    })
    const fresh = await store.transaction(async (tx) => {
      const inserted: (typeof rows)[number][] = []
      for (const row of rows) if (await insertParked(tx, row)) inserted.push(row)
      await also?.(tx)
      return inserted
    })
    arrivals += fresh.length
    for (const row of fresh) {
      const key = keyOf(row.key)
      if (key.rows++ === 0) {
        key.dead = row.state === 'dead'
        key.failedAt = row.firstFailure ?? 0
        key.nextAt = row.nextAt
        key.delayed = row.state === 'waiting' && row.started === 0
      }
    }
    messages.forEach((one, at) => {
      if ('failure' in one) report(one.message, rows[at]!.state === 'dead', one.failure, 1)
    })
    for (const row of fresh) enqueue(keyOf(row.key))
    // Some were there: their commit happened and its answer was lost, so this process may not know of them.
    if (fresh.length < rows.length) await reload()
  }

  /** The look under way, and the one that whoever asks meanwhile gets: what they know of is not in the first. */
  let looking: Promise<void> | undefined
  let again: Promise<void> | undefined
  let relook: Timer | undefined

  // One at a time: a look that is answered late would bring back what a later one has seen to be gone.
  const reload: Parked['reload'] = () => {
    if (looking === undefined) {
      looking = look()
        .catch((error: unknown) => {
          lookLater()
          throw error
        })
        .finally(() => void (looking = undefined))
      return looking
    }
    again ??= looking
      .catch(() => {})
      .then(() => {
        again = undefined
        return reload()
      })
    return again
  }

  /** Somebody has changed the table, and may never do so again. */
  const lookLater = (): void => {
    if (stopped) return
    relook?.cancel()
    relook = runtime.timers.after(STORE_PAUSE, () => void reload().catch(() => {}))
  }

  const look = async (): Promise<void> => {
    const before = arrivals
    const found = await parkedKeys(store, consumer)
    if (arrivals !== before) return look()
    const present = new Set(found.map(({ key }) => key))
    for (const key of keys.values()) if (!present.has(key.key) && !key.active) key.rows = 0
    for (const { key: name, rows, state, failedAt, ...row } of found) {
      const key = keyOf(name)
      if (key.active) continue
      key.rows = rows
      key.dead = state === 'dead'
      key.failedAt = failedAt
      key.nextAt = state === 'held' ? 0 : dueAt(row)
      key.delayed = row.delay !== undefined && key.nextAt > 0
      enqueue(key)
    }
    for (const key of keys.values()) forget(key)
  }

  await settleInterrupted()
  await look()

  /** Tries that were begun and never ended: the process ended with them in hand. */
  async function settleInterrupted(): Promise<void> {
    for (const { key: name, suspect } of await parkedKeys(store, consumer)) {
      if (!suspect) continue
      const row = (await headOf(store, consumer, name))!
      const key = keyOf(name)
      key.active = true
      const error = new Error(`The process ended during try ${row.started} of it (or while another was being tried)`)
      await recordFailure(key, row, { started: row.started, error, crashed: true })
      key.active = false
      if (key.dead) continue
      // No pause: it is the next to be tried, alone.
      await store.transaction((tx) =>
        tx.run('UPDATE dure_parked SET next_at = 0 WHERE consumer = ? AND message_id = ?', [consumer, row.message.id]),
      )
      key.suspect = true
      suspects++
    }
  }

  return {
    empty: () => keys.size === 0,
    holds: (key) => keys.has(key),
    reserve: (key) => void keyOf(key).reserved++,
    release: (name) => {
      const key = keyOf(name)
      key.reserved--
      enqueue(key)
      forget(key)
    },
    add,
    reload,
    count: () => {
      let [waiting, dead, letters, delayed, oldest] = [0, 0, 0, 0, Infinity]
      for (const key of keys.values()) {
        if (!key.dead || key.rows === 0) {
          waiting += key.rows
          if (key.delayed) delayed += key.rows
        } else {
          dead += key.rows
          letters++
          oldest = Math.min(oldest, key.failedAt)
        }
      }
      return { waiting, dead, letters, oldest: oldest === Infinity ? undefined : oldest, trying: active, delayed }
    },
    stop: async () => {
      stopped = true
      alarm?.cancel()
      relook?.cancel()
      if (active > 0) await new Promise<void>((resolve) => void (idle = resolve))
    },
  }
}
