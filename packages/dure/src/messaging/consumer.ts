import { wireOf, type AnyEvent, type Message } from '../contract/contract.ts'
import type { Inbox, Store, StoreTransaction } from '../data/data.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { Broker, Subscription } from './broker.ts'
import type { RetryPolicy } from './retry.ts'

/** A message with its data decoded (and brought up to the reaction's schema version). */
export type Received = { readonly message: Message; readonly data: unknown }

/** What to do about one event or one queue. */
export type ConsumerReaction = {
  readonly kind: 'topic' | 'queue'
  readonly event: AnyEvent
  /** Unique within the group. */
  readonly name: string
  readonly prepare: ((received: Received) => Promise<unknown>) | undefined
  readonly handle: (received: Received, tx: StoreTransaction, prepared: unknown) => Promise<void>
  readonly concurrency: number
  readonly retry: RetryPolicy
}

export type ConsumerOptions = {
  readonly store: Store
  readonly inbox: Inbox
  readonly broker: Broker
  readonly runtime: Runtime
  readonly log: Logger
  readonly group: string
  readonly reactions: readonly ConsumerReaction[]
}

export type Consumer = {
  readonly status: () => ConsumerStatus
  readonly stop: () => Promise<void>
}

export type ConsumerStatus = {
  readonly inHand: number
  readonly waiting: number
  readonly dead: number
  /** Why it does not keep up, in words; empty when all is well. */
  readonly reasons: readonly string[]
}

export async function createConsumer(options: ConsumerOptions): Promise<Consumer> {
  const { store, inbox, broker, log, group, reactions } = options
  let inHand = 0
  const subscriptions: Subscription[] = []
  const run = async (reaction: ConsumerReaction, message: Message): Promise<void> => {
    const data = wireOf(reaction.event.schema, 'output').fromJson(JSON.parse(message.data))
    const received = { message, data }
    const prepared = await reaction.prepare?.(received)
    await store.transaction(async (tx) => {
      if (await inbox.mark(tx, reaction.name, message.id)) await reaction.handle(received, tx, prepared)
    })
  }
  for (const reaction of reactions) {
    const onError = (error: unknown): void => log.error(`Reaction "${reaction.name}" failed`, { error })
    if (reaction.kind === 'topic') {
      subscriptions.push(
        await broker.subscribe({
          group: `${group}.${reaction.name}`,
          topics: [reaction.event.name],
          deliver: async (batch) => {
            inHand += batch.length
            try {
              await Promise.all(batch.map(({ message }) => run(reaction, message)))
            } finally {
              inHand -= batch.length
            }
          },
          onError,
        }),
      )
    } else {
      await broker.declareQueue(reaction.event.name)
      subscriptions.push(await broker.receive({ queue: reaction.event.name, handle: (message) => run(reaction, message), onError }))
    }
  }
  return {
    status: () => ({ inHand, waiting: 0, dead: 0, reasons: [] }),
    stop: async () => void (await Promise.all(subscriptions.map((one) => one.stop()))),
  }
}
