import type { LocalTransport } from '../../call/internal.ts'
import type { Deadlines } from '../../runtime/runtime.ts'
import type { System, World } from '../system.ts'
import type { Disposables } from '../disposables.ts'
import type { Wires } from './wires.ts'

/** What one process of a split system is made of. */
export type SystemProcessOptions = {
  readonly system: System
  /** What runs here: names of services, `broker`, `doors`. */
  readonly members: readonly string[]
  readonly world: World
  readonly local: LocalTransport
  readonly deadlines: Deadlines
  readonly disposables: Disposables
  readonly wires?: Wires | undefined
}
