import type { Target } from 'dure/call/internal'
import type { CallError } from 'dure/contract'
import type { Deadlines, Timers } from 'dure/runtime'
import type { Link } from './link.ts'

/** The way of one operation to its peer. */
export type Way = {
  readonly target: Target
  readonly place: string
  readonly deadlines: Deadlines
  readonly soon: Timers['soon']
  /** The connection, or why there is none. */
  readonly reach: Reach
  /** Tells it of the connection when it is there. */
  readonly wait: (one: Waiting) => void
  readonly unwait: (one: Waiting) => void
}

export type Reach = (place: string) => Link | 'connecting' | CallError

export type Waiting = {
  readonly place: string
  readonly start: (link: Link) => void
  readonly fail: (error: Error) => void
}
