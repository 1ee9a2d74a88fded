import type { Clock } from './clock.ts'
import type { Ids } from './ids.ts'
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
}
