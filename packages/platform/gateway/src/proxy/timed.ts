import type { Clock, DeadlineEntry, Deadlines } from 'dure/runtime'
import type { Turn } from './turn.ts'

/** What a connection needs to know of the time. */
export type Time = { readonly clock: Clock; readonly deadlines: Deadlines; readonly turn: Turn }

/** Something with one moment at which it is late. To put that off costs nothing: it is looked at when the old one has come. */
export abstract class Timed implements DeadlineEntry {
  at = 0
  previous: DeadlineEntry | undefined = undefined
  following: DeadlineEntry | undefined = undefined
  due: number = Number.POSITIVE_INFINITY
  readonly time: Time

  constructor(time: Time) {
    this.time = time
  }

  abstract late(): void

  /** It is late from then on: monotonic milliseconds; Infinity for never. */
  lateAt(due: number): void {
    this.due = due
    if (this.following !== undefined) {
      if (due >= this.at) return
      this.time.deadlines.remove(this)
    }
    if (due !== Number.POSITIVE_INFINITY) this.time.deadlines.add(this, due)
  }

  lateIn(ms: number): void {
    this.lateAt(this.time.clock.monotonic() + ms)
  }

  expire(): void {
    if (this.due === Number.POSITIVE_INFINITY) return
    if (this.time.clock.monotonic() < this.due) return this.time.deadlines.add(this, this.due)
    this.due = Number.POSITIVE_INFINITY
    this.late()
  }

  never(): void {
    this.due = Number.POSITIVE_INFINITY
    this.time.deadlines.remove(this)
  }
}
