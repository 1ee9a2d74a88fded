import type { TraceLine } from '../kernel/kernel.ts'
import type { FaultKind, Happened } from './faults.ts'
import type { Placed } from './options.ts'

/** How a run ended. */
export type Outcome = Told &
  (
    | { readonly kind: 'held' }
    /** An invariant does not hold, or a user's step failed in a way it must not. */
    | { readonly kind: 'violated'; readonly invariant: string; readonly message: string }
    /** It did not come to rest in time after everything had been healed. */
    | { readonly kind: 'stuck'; readonly phase: string; readonly message: string }
    /** It could not be started, or a promise was rejected that nobody looked at, which ends a real process. */
    | { readonly kind: 'failed'; readonly message: string }
    /** The same seed gave another run: something in the system asks the real world for time, chance or order. */
    | { readonly kind: 'nondeterministic'; readonly message: string }
    /** It began work that only the real world could end: a file's promise, a socket, a timer. */
    | { readonly kind: 'escaped'; readonly message: string }
  )

/** What is told of every run. */
export type Told = {
  readonly seed: number
  /** Of everything that happened at the ports; the same seed gives the same hash. */
  readonly hash: string
  readonly placed: Placed
  /** Kinds of faults that the run could have, and those that it had. */
  readonly kinds: readonly FaultKind[]
  readonly faults: readonly Happened[]
  /** How often each rare thing was seen. */
  readonly sometimes: Readonly<Record<string, number>>
  /** Steps that users made, and those that failed with a status. */
  readonly steps: readonly string[]
  readonly refused: number
  /** Milliseconds of virtual time, and tasks that were run. */
  readonly virtual: number
  readonly tasks: number
  /** What happened, when it was recorded. */
  readonly lines: readonly TraceLine[]
}
