import type { Runtime } from '../../runtime/runtime.ts'
import { lookEvery } from './watch.ts'

/**
 * Notices that this process stood still: was frozen, or had something block its event loop. Calls read just afterwards
 * may have waited all that time, unseen, in a buffer of the system's; nobody is waiting for the old ones any more.
 */
export type StallWatch = {
  /** Milliseconds that a call read now may have waited unread. */
  readonly age: (now: number) => number
  readonly stop: () => void
}

/** Milliseconds between two looks at the clock. */
const EVERY = 100
/** Between two looks: more than a busy moment. */
const LONG = 500
/** For how long after it what is read may be old: time to empty the system's buffers. */
const AFTER = 250

export function watchStalls({ clock, timers }: Pick<Runtime, 'clock' | 'timers'>): StallWatch {
  let last = clock.monotonic()
  let stood = 0
  let until = 0
  const looking = lookEvery(EVERY, { clock, timers }, (now) => {
    if (now - last >= LONG) {
      stood = now - last
      until = now + AFTER
    }
    last = now
  })
  return {
    age: (now) => {
      // What is read may come before the timer that is late.
      if (now - last >= LONG) return now - last
      return now < until ? stood : 0
    },
    stop: looking.stop,
  }
}
