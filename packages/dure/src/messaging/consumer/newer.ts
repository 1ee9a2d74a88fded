import type { AnyEvent, Message } from '../../contract/contract.ts'
import type { Store } from '../../data/data.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { Broker } from '../broker.ts'
import { NewerMessageError } from '../newer-message.ts'

/** Milliseconds after which whoever reads alone, in a store that others could share, takes it that nobody else will come. */
const ALONE = 30_000

/** What to do with messages of a later version than this release knows. */
export type Newer = {
  readonly is: (message: Message) => boolean
  /**
   * Nobody else will ever know it: then it is a dead letter, which a later release may retry. Others may be away for a moment, or
   * come back one after the other when the broker was.
   */
  readonly isAlone: () => Promise<boolean>
  /** To reject it with. */
  readonly refusal: (message: Message) => NewerMessageError
}

export function createNewer(options: {
  readonly broker: Broker
  readonly store: Store
  readonly runtime: Runtime
  readonly reaction: {
    readonly kind: 'topic' | 'queue'
    readonly event: AnyEvent
    readonly others?: readonly AnyEvent[] | undefined
  }
  readonly consumer: string
}): Newer {
  const { broker, store, consumer, reaction } = options
  const { kind, event, others = [] } = reaction
  const versions = new Map([event, ...others].map(({ name, version }) => [name, version]))
  const known = (type: string): number => versions.get(type) ?? event.version
  const { clock } = options.runtime
  const [group, topic] = kind === 'queue' ? ['queue', event.name] : [consumer, event.topic]
  let aloneSince: number | undefined
  return {
    is: ({ type, schemaVersion }) => schemaVersion > known(type),
    isAlone: async () => {
      const lags = await broker.lag()
      const others = lags.some((one) => one.group === group && one.topic === topic && (one.members ?? 0) > 1)
      aloneSince = others ? undefined : (aloneSince ?? clock.monotonic())
      if (aloneSince === undefined) return false
      return store.sharing === 'exclusive' || clock.monotonic() - aloneSince >= ALONE
    },
    refusal: ({ id, type, schemaVersion }) =>
      new NewerMessageError(
        `Consumer "${consumer}" knows versions 1 to ${known(type)} of "${type}", and message "${id}" is of version ${schemaVersion}: another copy is to have it`,
      ),
  }
}
