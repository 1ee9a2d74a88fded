import type { Clock } from './clock.ts'
import type { Timer, Timers } from './timers.ts'

/**
 * Many deadlines, one timer: a timer wheel of doubly linked lists. The timer sleeps over empty slots, so that one deadline
 * far away wakes an idle process twice a second and not a hundred times.
 *
 * Adding and removing are a few pointer writes, so a call that ends in time never pays for a timer.
 * A deadline fires at most one tick (`resolution` ms) late and never early.
 */
export type Deadlines = {
  /** Registers an entry that expires at `at` (monotonic milliseconds). @throws {TypeError} when that is NaN */
  readonly add: (entry: DeadlineEntry, at: number) => void
  /** Takes an entry out; harmless when it fired or was never added. */
  readonly remove: (entry: DeadlineEntry) => void
  /** Fires every entry at once, due or not, or those alone that are meant. */
  readonly expireAll: (isMeant?: (entry: DeadlineEntry) => boolean) => void
  /** Stops the timer; entries still inside never fire. */
  readonly stop: () => void
}

/** Anything that wants to be told when its time is over: the object itself is the list node. */
export type DeadlineEntry = {
  expire: () => void
  at: number
  previous: DeadlineEntry | undefined
  following: DeadlineEntry | undefined
}

/**
 * A timer wheel: one timer for all deadlines of a process, at a resolution of `resolution` milliseconds (default 10). What
 * is put in hears nothing before its time, and at the latest one resolution after it.
 *
 * @example
 * ```ts
 * import { createDeadlines, virtualRuntime, type DeadlineEntry } from 'dure/runtime'
 *
 * const { clock, timers, advance } = virtualRuntime()
 * const deadlines = createDeadlines({ clock, timers })
 * const entry: DeadlineEntry = { expire: () => console.log('over'), at: 0, previous: undefined, following: undefined }
 * deadlines.add(entry, clock.monotonic() + 50)
 * await advance(100) // → over
 * deadlines.stop()
 * ```
 */
export function createDeadlines(options: { clock: Clock; timers: Timers; resolution?: number }): Deadlines {
  const { clock, timers, resolution = 10 } = options
  const SLOTS = 1024
  /** Empty slots that the timer sleeps over at once, at most: by how much the cursor may lag behind the clock. */
  const FURTHEST = 64
  const slots: DeadlineEntry[] = Array.from({ length: SLOTS }, newHead)
  let count = 0
  let cursor = Math.floor(clock.monotonic() / resolution)
  let timer: Timer | undefined
  /** The slot, counted as the cursor is, that the timer wakes for. */
  let next = 0

  const schedule = (slot: number): void => {
    next = slot
    timer?.cancel()
    // Somebody waits for whatever is inside.
    timer = timers.after(Math.max(0, slot * resolution - clock.monotonic()), tick, 'waited')
  }

  const scheduleNext = (): void => {
    let slot = cursor + 1
    while (slot < cursor + FURTHEST && isEmpty(slots[slot % SLOTS]!)) slot++
    schedule(slot)
  }

  const tick = (): void => {
    timer = undefined
    const now = clock.monotonic()
    const target = Math.floor(now / resolution)
    // After a long pause (a frozen process) every slot is visited once, not once per lost tick.
    const steps = Math.min(target - cursor, SLOTS)
    for (let step = 1; step <= steps; step++) expireSlot(slots[(cursor + step) % SLOTS]!, now)
    cursor = target
    if (count > 0) scheduleNext()
  }

  const expireSlot = (head: DeadlineEntry, now: number, isMeant?: (entry: DeadlineEntry) => boolean): void => {
    const due: DeadlineEntry[] = []
    for (let entry = head.following!; entry !== head; entry = entry.following!) {
      if (entry.at <= now && (isMeant === undefined || isMeant(entry))) due.push(entry)
    }
    for (const entry of due) {
      // An earlier expiry in this slot may have taken this one out.
      if (entry.following === undefined) continue
      remove(entry)
      entry.expire()
    }
  }

  const expireAll: Deadlines['expireAll'] = (isMeant) => {
    for (const head of slots) expireSlot(head, Number.POSITIVE_INFINITY, isMeant)
  }

  const add = (entry: DeadlineEntry, at: number): void => {
    if (Number.isNaN(at)) throw new TypeError('Cannot watch a deadline that is NaN')
    if (timer === undefined) cursor = Math.floor(clock.monotonic() / resolution)
    entry.at = at
    // One slot past the deadline's own: visiting it means the deadline is surely over.
    const slot = Math.max(Math.min(Math.floor(at / resolution) + 1, Number.MAX_SAFE_INTEGER), cursor + 1)
    const visit = cursor + ((slot - cursor - 1) % SLOTS) + 1
    if (timer === undefined) schedule(Math.min(visit, cursor + FURTHEST))
    else if (visit < next) schedule(visit)
    const head = slots[slot % SLOTS]!
    const tail = head.previous!
    entry.previous = tail
    entry.following = head
    tail.following = entry
    head.previous = entry
    count++
  }

  const remove = (entry: DeadlineEntry): void => {
    const { previous, following } = entry
    if (previous === undefined || following === undefined) return
    previous.following = following
    following.previous = previous
    entry.previous = undefined
    entry.following = undefined
    count--
  }

  return {
    add,
    remove,
    expireAll,
    stop: () => {
      timer?.cancel()
      timer = undefined
    },
  }
}

function isEmpty(head: DeadlineEntry): boolean {
  return head.following === head
}

function newHead(): DeadlineEntry {
  const head: DeadlineEntry = { expire: () => {}, at: 0, previous: undefined, following: undefined }
  head.previous = head
  head.following = head
  return head
}
