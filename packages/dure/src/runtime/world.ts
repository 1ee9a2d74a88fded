import type { Clock } from './clock.ts'
import type { Diagnose } from './diagnose.ts'
import type { Ids } from './ids.ts'
import type { OnCollection, ProcessWatch } from './process-watch.ts'
import type { Random } from './random.ts'
import type { Timers } from './timers.ts'

/** Everything nondeterministic that a service may ask of the world. */
export type Runtime = {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly ids: Ids
  /** The way to servers of others, over HTTP. Undefined: there is none. */
  readonly fetch?: ((request: Request) => Promise<Response>) | undefined
  /** Measures the process, or the thread of it, in which it runs. Undefined: there is none, as in a simulation. */
  readonly process?: ((onCollection: OnCollection) => ProcessWatch) | undefined
  /** Looks into it while it runs. */
  readonly diagnose?: Diagnose | undefined
}
