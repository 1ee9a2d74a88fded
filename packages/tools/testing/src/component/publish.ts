import type { AnyEvent } from 'dure/contract'
import { bindTransaction } from 'dure/data/internal'
import type { Broker } from 'dure/messaging'
import type { Runtime } from 'dure/runtime'

export type BringOptions = {
  /** The service that it comes from. Default: whose contract announces it. */
  readonly source?: string
  /** What its publisher says beside the data. */
  readonly headers?: Readonly<Record<string, string>>
  /** How often it comes, as from a broker that brings it again. Default 1. */
  readonly times?: number
}

type Message = Parameters<Parameters<typeof bindTransaction>[1]['outbox']['append']>[1][number]

/** Has the broker take a message that none of the system's services has published. */
export async function bring(options: {
  readonly kind: 'publish' | 'send'
  readonly event: AnyEvent
  readonly data: unknown
  readonly how: BringOptions | undefined
  readonly broker: Broker
  readonly runtime: Runtime
  readonly system: string
  readonly announcer: (event: AnyEvent) => string | undefined
}): Promise<void> {
  const { kind, event, data, broker, runtime, system, announcer } = options
  const { source = announcer(event) ?? (kind === 'send' ? 'outside' : undefined), headers, times = 1 } = options.how ?? {}
  if (source === undefined)
    throw new TypeError(
      `Cannot publish "${event.name}": no service of "${system}" listens to it or announces it; publish an event that one listens to`,
    )
  const messages: Message[] = []
  const outbox = { append: (_tx: unknown, made: readonly Message[]) => void messages.push(...made) }
  const origin = { service: source, correlationId: runtime.ids.next(), causationId: undefined, traceparent: undefined }
  // It makes messages as a service does; there is no transaction for them to be part of.
  const tx = bindTransaction({} as never, { outbox: outbox as never, runtime, origin })
  await tx[kind](event, data, headers === undefined ? {} : { headers })
  for (let time = 0; time < times; time++) await broker[kind](messages)
}
