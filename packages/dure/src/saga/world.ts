import type { Cancellation } from '../call/internal.ts'
import type { Keys } from './keys.ts'
import type { ExtensionHost } from '../service/internal.ts'
import type { AnySaga } from './definition.ts'
import type { Instance, SagaRecords } from './records.ts'

/** What all parts of a service's sagas share. */
export type SagaWorld = {
  readonly host: ExtensionHost
  readonly records: SagaRecords
  readonly sagas: ReadonlyMap<string, AnySaga>
  readonly hands: Hands
  readonly keys: Keys
  /** Contexts of steps. */
  readonly contexts: (saga: AnySaga) => ReturnType<ExtensionHost['contexts']>
}

/** Who runs instances: so many at once. */
export type Hands = {
  /** How many more can be taken. */
  readonly room: () => number
  /** How many are in hand. */
  readonly held: () => number
  /** Runs an instance that has begun here. */
  readonly take: (instance: Instance) => void
  /** Something may be due now. */
  readonly look: () => void
  /** Something will be due in so many milliseconds. */
  readonly due: (ms: number) => void
}

/** An instance in hand. */
export type Hand = {
  readonly instance: Instance
  readonly cancellation: Cancellation
  /** Resolves when it is let go of; never rejects. */
  readonly done: Promise<void>
}
