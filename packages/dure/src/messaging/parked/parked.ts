import type { Message } from '../../contract/contract.ts'
import type { Fence, StoreTransaction } from '../../data/data.ts'
import { FencedError, UNPARTITIONED } from '../../data/internal.ts'
import { type Runtime, type Timer } from '../../runtime/runtime.ts'
import { longestBackoff, steadyTime } from '../../runtime/internal.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import type { RetryPolicy } from '../retry.ts'
import { isLastTry, parkedOf, type ParkedEntry, type ParkedStore } from './entry.ts'
import { createKeySchedule, type Head, type Key } from './key-schedule.ts'
import type { Hands } from './hands.ts'
import { createTries, type TryAgain } from './tries.ts'

export { declaredIn, errorText, isLastTry, parkedOf, type ParkedEntry, type ParkedStore } from './entry.ts'
export { createHands } from './hands.ts'
export { firstLine, groupOf, letterOf, OUTBOX, outboxOf } from './fingerprint.ts'

/**
 * What one consumer has set aside of one partition (or of what has none): keys whose messages wait for another try, in order, while everything else goes
 * on. Tries are counted in the store before they begin, so that a message that kills the process is known
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
  readonly add: (arrivals: readonly ParkedEntry[], also?: (tx: StoreTransaction) => Promise<unknown>) => Promise<void>
  /** Looks at the store again: somebody else has changed it. */
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

/** Milliseconds after trouble with the store itself, which says nothing about the message. */
const STORE_PAUSE = 1000

/** Milliseconds after which it is looked again whether a message is still to be left to another member. */
const LATER = 2_000

type ParkedOptions = {
  readonly store: ParkedStore
  readonly consumer: string
  readonly runtime: Runtime
  readonly log: Logger
  readonly retry: RetryPolicy
  readonly hands: Hands
  readonly tryAgain: TryAgain
  /** Whether no further try is worth it. Default as the policy says. */
  readonly isDead?: (error: unknown, tries: number, message: Message) => boolean
  /** Whose messages these are: everything that is written carries it, and once its epoch is over nothing more is begun. */
  readonly fence?: Fence | undefined
  /** Told when its epoch is over: that was found at a try. */
  readonly lost?: () => void
  /**
   * Whether a try that was begun and did not end has ended with its process. Default true; false where who had them before
   * is still there.
   */
  readonly crashed?: boolean
  /** Whether a message is left as it is for now, because another member may know it: no try is counted. */
  readonly isForLater?: (message: Message) => Promise<boolean>
  /** Others may try the same messages: who begins a try has the message for so many milliseconds. Nobody has the key meanwhile. */
  readonly lease?: number | undefined
}

export async function openParked(options: ParkedOptions): Promise<Parked> {
  const { store, consumer, runtime, log, retry, hands, fence, lost, crashed = true, lease } = options
  const { isDead = (error, tries) => isLastTry(retry, error, tries), isForLater } = options
  const { parked: records } = store.records
  const time = steadyTime(runtime.clock)
  const partition = fence?.partition ?? UNPARTITIONED
  const tries = createTries({ ...options, fence, isDead, lease, time })
  /** Messages added so far: tells a look at the store that it is out of date. */
  let arrivals = 0
  let stopped = false

  const learn = learning({ retry, lease, time })

  /** Others may have seen to what something was put behind, and found no more before it came: nobody else would look at it. */
  const learnAgain = async (key: Key): Promise<void> => {
    if (!key.dead && key.nextAt <= time()) return
    const found = await records.read({ consumer, key: key.name, limit: 1 }).catch(() => undefined)
    // Where the store is away, it is there all the same, and is looked at later.
    if (found === undefined) Object.assign(key, { dead: false, nextAt: time() + STORE_PAUSE })
    else if (found[0] !== undefined && key.state !== 'active') learn(key, found[0], found[0].message.delay)
  }

  const alone = oneByOne()

  /** Tries a key's messages in order until one fails, or none is left. Rejects for trouble with the store. */
  const drain = async (key: Key): Promise<void> => {
    while (!stopped) {
      const before = arrivals
      const [head] = await records.read({ consumer, key: key.name, limit: 1 })
      if (head === undefined) {
        // What has come since the look is not in it.
        if (arrivals !== before) continue
        key.count = 0
        return
      }
      learn(key, head, head.message.delay)
      if (key.dead || key.nextAt > time()) return
      if ((await isForLater?.(head.message)) === true) return void (key.nextAt = time() + LATER)
      const outcome = await (lease !== undefined && head.crashes > 0 ? alone(() => tries.run(head)) : tries.run(head))
      if (typeof outcome === 'object') return void Object.assign(key, outcome)
      if (outcome === 'done') key.count--
    }
  }

  const work = (key: Key): Promise<void> =>
    drain(key).catch((error: unknown) => {
      if (error instanceof FencedError) {
        void stop()
        return lost?.()
      }
      log.warn('Parked messages cannot be tried again now; trying later', { consumer, error })
      key.nextAt = time() + STORE_PAUSE
    })

  const schedule = createKeySchedule({ timers: runtime.timers, time, hands, work })
  const { keys } = schedule

  const add: Parked['add'] = async (entries, also) => {
    const rows = entries.map((entry) => {
      const dead = 'failure' in entry && isDead(entry.failure, 1, entry.message)
      return parkedOf(entry, { consumer, partition, retry, runtime, dead })
    })
    const added = await store.transaction(
      async (tx) => {
        const fresh = await records.add(tx, rows, fence)
        await also?.(tx)
        return fresh
      },
      // Under a fence nobody else adds to these keys: who comes next waits for this to end before he looks. Without one others do.
      { isolated: fence === undefined },
    )
    arrivals += added.length
    for (const row of added) {
      const key = schedule.of(row.key)
      if (key.count++ === 0) learn(key, row, row.message.delay)
    }
    if (lease !== undefined) for (const name of new Set(added.map(({ key }) => key))) await learnAgain(schedule.of(name))
    entries.forEach((entry, at) => {
      if ('failure' in entry) tries.report(entry.message, rows[at]!.state === 'dead', entry.failure, 1)
    })
    for (const row of added) schedule.plan(schedule.of(row.key))
    // Some were there: their commit happened and its answer was lost, so this process may not know of them.
    if (added.length < rows.length) await reload()
  }

  const look = async (): Promise<void> => {
    const before = arrivals
    const found = await records.keys({ consumer, partition })
    if (arrivals !== before) return look()
    const present = new Set(found.map(({ key }) => key))
    for (const key of keys.values()) if (!present.has(key.name) && key.state !== 'active') key.count = 0
    for (const { key: name, count, delay, ...head } of found) {
      const key = schedule.of(name)
      if (key.state === 'active') continue
      key.count = count
      learn(key, head, delay)
      schedule.plan(key)
    }
    for (const key of keys.values()) schedule.forget(key)
  }
  const looks = createLooks(look, (again) => runtime.timers.after(STORE_PAUSE, again))
  const { reload } = looks

  /** Tries that were begun and never ended: the process ended with them in hand. */
  const settleInterrupted = async (): Promise<void> => {
    for (const { key: name, started, finished } of await records.keys({ consumer, partition })) {
      const [head] = started > finished ? await records.read({ consumer, key: name, limit: 1 }) : []
      // It is the next to be tried, alone.
      const outcome = head && (await tries.crashed(head))
      if (typeof outcome === 'object' && !outcome.dead) schedule.suspect(schedule.of(name))
    }
  }

  const stop = async (): Promise<void> => {
    stopped = true
    looks.stop()
    await schedule.stop()
  }

  // Who else may be at them says by its lease whether it is.
  if (crashed && lease === undefined) await settleInterrupted()
  await look()
  return {
    empty: () => keys.size === 0,
    holds: (key) => keys.has(key),
    reserve: (key) => void schedule.of(key).reserved++,
    release: (name) => {
      const key = schedule.of(name)
      key.reserved--
      schedule.plan(key)
      schedule.forget(key)
    },
    add,
    reload,
    count: () => countOf(keys.values(), schedule.active()),
    stop,
  }
}

/** Takes over what the store says of a key's head, whose message was sent with that delay. */
function learning({
  retry,
  lease = 0,
  time,
}: Pick<ParkedOptions, 'retry' | 'lease'> & { readonly time: () => number }): (key: Key, head: Head, delay?: number) => void {
  return (key, { state, started, wait, firstFailure = 0 }, delay = 0) => {
    const most = started === 0 ? delay : Math.max(lease, longestBackoff(retry, started))
    key.dead = state === 'dead'
    key.failedAt = firstFailure
    // A wait that is longer than the pause after so many tries is one of a clock that was set back since.
    key.nextAt = wait <= 0 || wait > most + STORE_PAUSE ? 0 : time() + wait
    key.delayed = state === 'waiting' && started === 0 && key.nextAt > time()
  }
}

/**
 * Where others may try the same, those that were under way when a process ended are tried one after the other: the one that
 * ended it does not take the others along again, until they are dead letters as well.
 */
function oneByOne(): <T>(work: () => Promise<T>) => Promise<T> {
  let before: Promise<unknown> = Promise.resolve()
  return (work) => {
    const mine = before.then(work)
    before = mine.catch(() => {})
    return mine
  }
}

/**
 * Looks at the store, one at a time: one that is answered late would bring back what a later one has seen to be gone. Who
 * asks during a look gets the next one: what they know of is not in the first.
 */
function createLooks(
  look: () => Promise<void>,
  later: (again: () => void) => Timer,
): { readonly reload: () => Promise<void>; readonly stop: () => void } {
  let looking: Promise<void> | undefined
  let next: Promise<void> | undefined
  let timer: Timer | undefined
  let stopped = false
  const reload = (): Promise<void> => {
    if (looking === undefined) {
      looking = look()
        .catch((error: unknown) => {
          // Somebody has changed the store, and may never do so again.
          timer?.cancel()
          if (!stopped) timer = later(() => void reload().catch(() => {}))
          throw error
        })
        .finally(() => void (looking = undefined))
      return looking
    }
    next ??= looking
      .catch(() => {})
      .then(() => {
        next = undefined
        return reload()
      })
    return next
  }
  const stop = (): void => {
    stopped = true
    timer?.cancel()
  }
  return { reload, stop }
}

/** Over several. */
export function sumOf(counts: readonly ParkedCount[]): ParkedCount {
  const sum = (of: (count: ParkedCount) => number): number => counts.reduce((total, count) => total + of(count), 0)
  const oldest = Math.min(...counts.map((count) => count.oldest ?? Infinity))
  return {
    ...{ waiting: sum(({ waiting }) => waiting), dead: sum(({ dead }) => dead), letters: sum(({ letters }) => letters) },
    ...{ trying: sum(({ trying }) => trying), delayed: sum(({ delayed }) => delayed) },
    oldest: oldest === Infinity ? undefined : oldest,
  }
}

function countOf(keys: Iterable<Key>, trying: number): ParkedCount {
  let [waiting, dead, letters, delayed, oldest] = [0, 0, 0, 0, Infinity]
  for (const key of keys) {
    if (!key.dead || key.count === 0) {
      waiting += key.count
      if (key.delayed) delayed += key.count
    } else {
      dead += key.count
      letters++
      oldest = Math.min(oldest, key.failedAt)
    }
  }
  return { waiting, dead, letters, oldest: oldest === Infinity ? undefined : oldest, trying, delayed }
}
