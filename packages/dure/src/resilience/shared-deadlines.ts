import { createDeadlines, type DeadlineEntry, type Timers } from '../runtime/runtime.ts'
import type { PolicyWorld } from './guard.ts'

/** Deadlines of all policies of one world, on one timer, which keeps a process no longer than somebody waits. */
export type SharedDeadlines = {
  readonly add: (entry: DeadlineEntry, at: number) => void
  readonly remove: (entry: DeadlineEntry) => void
}

const known = new WeakMap<Timers, SharedDeadlines>()

export function sharedDeadlines({ clock, timers }: PolicyWorld): SharedDeadlines {
  const there = known.get(timers)
  if (there !== undefined) return there
  const deadlines = createDeadlines({ clock, timers })
  let count = 0
  let asked = false
  // Not at once: calls follow each other, and the timer of one is the timer of the next.
  const stop = (): void => {
    asked = false
    if (count === 0) deadlines.stop()
  }
  const made: SharedDeadlines = {
    add: (entry, at) => {
      deadlines.add(entry, at)
      count++
    },
    remove: (entry) => {
      deadlines.remove(entry)
      if (--count > 0 || asked) return
      asked = true
      timers.soon(stop)
    },
  }
  known.set(timers, made)
  return made
}
