import type { AnyEvent, Message } from '../../contract/contract.ts'
import type { Fence, Inbox, LookupRecords, Mark, StoreTransaction } from '../../data/data.ts'
import { decoderOf } from '../decode.ts'

/** A message with its data read, and how it came. */
export type Received = {
  readonly message: Message
  readonly data: unknown
  readonly delivery: DeliveryOf
  /** It shares a transaction with others: should that fail, it comes again alone, and this was no try. */
  readonly together?: boolean
}

/** How a message came to who works on it: for whoever looks at it. */
export type DeliveryOf = {
  /** Which try this is, from 1 on. */
  readonly attempt: number
  /** Of its topic; undefined for what has none. */
  readonly partition: number | undefined
  /** Where it stands there, as its broker says it; not known any more when it is tried again. */
  readonly position: string | undefined
}

/** What happens to a message: before its transaction, and in it. */
export type Effect<Tx = StoreTransaction> = {
  readonly prepare: ((received: Received) => Promise<unknown>) | undefined
  readonly handle: (received: Received, tx: Tx, prepared: unknown) => Promise<void> | void
  /** What is done, in a transaction of its own, in place of an effect that failed with this error; undefined: it is tried again. */
  readonly instead?: ((received: Received, error: unknown) => ((tx: Tx) => Promise<void>) | undefined) | undefined
  /** Told of a message whose data cannot be read. */
  readonly unreadable?: ((message: Message, delivery: DeliveryOf, error: unknown) => void) | undefined
  /** Stands around a try that is not the first. */
  readonly around?: ((message: Message, attempt: number, work: () => Promise<void>) => Promise<void>) | undefined
}

/** The way of every message, whoever takes it along: read, prepare, then mark and effect in one transaction. */
export type EffectPipeline = {
  /** @throws {NonRetryableError} (or rejects with it) when the data cannot be read */
  readonly read: (message: Message, delivery: DeliveryOf) => Received | Promise<Received>
  readonly prepare: Effect['prepare']
  readonly handle: Effect['handle']
  readonly instead: NonNullable<Effect['instead']>
  readonly markOf: (message: Message, fence: Fence | undefined) => Mark
  /**
   * Has the effect in a transaction, unless the message has had it; `begins` is told before the handler. Rejects with
   * `FencedError` when its partition is another member's.
   */
  readonly apply: (
    tx: StoreTransaction,
    effect: {
      readonly received: Received
      readonly prepared: unknown
      readonly fence: Fence | undefined
      readonly instead?: ((tx: StoreTransaction) => Promise<void>) | undefined
    },
    begins?: () => void,
  ) => Promise<'handled' | 'duplicate'>
}

export function createEffectPipeline(options: {
  inbox: Inbox
  consumer: string
  kind: 'topic' | 'queue'
  /** Those that it takes, at least one. */
  events: readonly AnyEvent[]
  effect: Effect
  /** Looks marks up before a transaction: after a crash what was done comes once more, and what is prepared may reach the world outside. */
  marks?: LookupRecords['marks'] | undefined
}): EffectPipeline {
  const { inbox, consumer, kind, events, effect, marks } = options
  const { prepare: given, handle, instead = () => undefined, unreadable } = effect
  const decoders = new Map(events.map((event) => [event.name, decoderOf(event)]))
  const [only] = decoders.values()
  const unparked = kind === 'queue'
  const markOf: EffectPipeline['markOf'] = ({ id: messageId }, fence) => ({ consumer, messageId, fence, unparked })
  const isMarked = async (messageId: string): Promise<boolean> =>
    marks !== undefined && (await marks([messageId])).some((mark) => mark.consumer === consumer)
  return {
    // Of what is marked the transaction says that it is a duplicate.
    prepare: given && (async (received) => ((await isMarked(received.message.id)) ? undefined : given(received))),
    handle,
    instead,
    markOf,
    read: (message, delivery) => {
      const received = (data: unknown): Received => ({ message, data, delivery })
      const failed = (error: unknown): never => {
        unreadable?.(message, delivery, error)
        throw error
      }
      try {
        const data = (decoders.get(message.type) ?? only!)(message)
        return data instanceof Promise ? data.then(received, failed) : received(data)
      } catch (error) {
        return failed(error)
      }
    },
    apply: async (tx, { received, prepared, fence, instead: other }, begins) => {
      if (!(await inbox.markAll(tx, [markOf(received.message, fence)]))) return 'duplicate'
      begins?.()
      await (other === undefined ? handle(received, tx, prepared) : other(tx))
      return 'handled'
    },
  }
}
