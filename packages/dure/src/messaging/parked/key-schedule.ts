import type { Timer, Timers } from '../../runtime/runtime.ts'
import type { ParkedKey } from '../../data/data.ts'

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
  nextAt: number
  /** Its head waits for its first try. */
  delayed: boolean
  /** Its head may be what ended the process before this one. */
  suspect: boolean
  state: 'resting' | 'queued' | 'active'
}

/** What is known of a key's head. */
export type Head = Pick<ParkedKey, 'state' | 'started' | 'nextAt' | 'firstFailure'>

/** The parked keys of one consumer, and whose turn it is: each is worked on when its head is due, so many at once. */
export type KeySchedule = {
  readonly keys: ReadonlyMap<string, Key>
  /** The key of that name, known from now on. */
  readonly of: (name: string) => Key
  /** Has it worked on when its time has come. */
  readonly plan: (key: Key) => void
  /** Forgets it when nothing holds it any more. */
  readonly forget: (key: Key) => void
  /** While it is not known which of several tries ended the process, one is made at a time. */
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
  readonly concurrency: number
  /** Works on a key whose head is due. Never rejects. */
  readonly work: (key: Key) => Promise<void>
}): KeySchedule {
  const { timers, time, concurrency, work } = options
  const keys = new Map<string, Key>()
  const queue: Key[] = []
  let active = 0
  let suspects = 0
  let alarm: Timer | undefined
  let alarmAt = Infinity
  let stopped = false
  let idle: (() => void) | undefined

  const of = (name: string): Key => {
    let key = keys.get(name)
    if (key === undefined) {
      const facts = { dead: false, failedAt: 0, nextAt: 0, delayed: false, suspect: false } as const
      key = { name, count: 0, reserved: 0, ...facts, state: 'resting' }
      keys.set(name, key)
    }
    return key
  }

  const cleared = (key: Key): void => {
    if (key.suspect) suspects--
    key.suspect = false
  }

  const forget = (key: Key): void => {
    if (key.count > 0 || key.reserved > 0 || key.state !== 'resting') return
    cleared(key)
    keys.delete(key.name)
  }

  const plan = (key: Key): void => {
    if (key.state !== 'resting' || key.dead || key.count <= 0) return
    if (key.nextAt > time()) return wakeAt(key.nextAt)
    key.state = 'queued'
    queue.push(key)
    pump()
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

  const pump = (): void => {
    while (!stopped && queue.length > 0 && active < (suspects > 0 ? 1 : concurrency)) {
      const key = queue.shift()!
      key.state = 'active'
      active++
      void work(key).then(() => {
        key.state = 'resting'
        active--
        cleared(key)
        forget(key)
        plan(key)
        pump()
        if (active === 0) idle?.()
      })
    }
  }

  return {
    keys,
    of,
    plan,
    forget,
    suspect: (key) => {
      key.suspect = true
      suspects++
    },
    active: () => active,
    stop: async () => {
      stopped = true
      alarm?.cancel()
      if (active > 0) await new Promise<void>((resolve) => void (idle = resolve))
    },
  }
}
