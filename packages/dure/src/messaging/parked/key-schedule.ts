import type { Timer, Timers } from '../../runtime/runtime.ts'
import type { ParkedKey } from '../../data/data.ts'
import type { Hands } from './hands.ts'

/** What is known in memory of one parked key. */
export type Key = {
  readonly name: string
  /** Messages of it that are parked. */
  count: number
  /** Callers who are about to add some. */
  reserved: number
  dead: boolean
  /** When its head failed first; 0 when it has not. */
  failedAt: number
  /** By a time of this process that does not jump. */
  nextAt: number
  /** Its head waits for its first try. */
  delayed: boolean
  /** Its head may be what ended the process before this one: says that it was not. */
  cleared: (() => void) | undefined
  state: 'resting' | 'queued' | 'active'
}

/** What is known of a key's head. */
export type Head = Pick<ParkedKey, 'state' | 'started' | 'wait' | 'firstFailure'>

/** The parked keys of one partition, and whose turn it is: each is worked on when its head is due, so many at once. */
export type KeySchedule = {
  readonly keys: ReadonlyMap<string, Key>
  /** The key of that name, known from now on. */
  readonly of: (name: string) => Key
  /** Has it worked on when its time has come. */
  readonly plan: (key: Key) => void
  /** Forgets it when nothing holds it any more. */
  readonly forget: (key: Key) => void
  /** Its head may be what ended the process before this one. */
  readonly suspect: (key: Key) => void
  readonly active: () => number
  /** Lets those that are worked on end and begins none. */
  readonly stop: () => Promise<void>
}

/** Milliseconds at most between two looks at what is due. */
const LONGEST = 3_600_000

export function createKeySchedule(options: {
  readonly timers: Timers
  readonly time: () => number
  readonly hands: Hands
  /** Works on a key whose head is due. Never rejects. */
  readonly work: (key: Key) => Promise<void>
}): KeySchedule {
  const { timers, time, hands, work } = options
  const keys = new Map<string, Key>()
  let active = 0
  let alarm: Timer | undefined
  let alarmAt = Infinity
  let stopped = false
  const { promise: idle, resolve: rest } = Promise.withResolvers<void>()

  const of = (name: string): Key => {
    let key = keys.get(name)
    if (key === undefined) {
      const facts = { dead: false, failedAt: 0, nextAt: 0, delayed: false, cleared: undefined } as const
      key = { name, count: 0, reserved: 0, ...facts, state: 'resting' }
      keys.set(name, key)
    }
    return key
  }

  const cleared = (key: Key): void => {
    key.cleared?.()
    key.cleared = undefined
  }

  const forget = (key: Key): void => {
    if (key.count > 0 || key.reserved > 0 || key.state !== 'resting') return
    cleared(key)
    keys.delete(key.name)
  }

  const plan = (key: Key): void => {
    if (stopped || key.state !== 'resting' || key.dead || key.count <= 0) return
    if (key.nextAt > time()) return wakeAt(key.nextAt)
    key.state = 'queued'
    hands.work(() => workOn(key))
  }

  const workOn = async (key: Key): Promise<void> => {
    if (stopped) return
    key.state = 'active'
    active++
    await work(key)
    key.state = 'resting'
    active--
    cleared(key)
    forget(key)
    plan(key)
    if (stopped && active === 0) rest()
  }

  const wakeAt = (at: number): void => {
    if (at >= alarmAt || stopped) return
    alarm?.cancel()
    alarmAt = at
    alarm = timers.after(Math.min(at - time(), LONGEST), () => {
      alarmAt = Infinity
      for (const key of keys.values()) plan(key)
    })
  }

  return {
    keys,
    of,
    plan,
    forget,
    suspect: (key) => {
      key.cleared ??= hands.suspect()
    },
    active: () => active,
    stop: async () => {
      stopped = true
      alarm?.cancel()
      for (const key of keys.values()) if (key.state !== 'active') cleared(key)
      if (active > 0) await idle
    },
  }
}
