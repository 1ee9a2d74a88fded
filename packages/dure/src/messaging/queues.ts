import type { Message } from '../contract/contract.ts'
import type { BrokerAdapter, Subscription } from './broker-adapter.ts'

/**
 * The Queues port: work that one of the competing receivers takes. That is all: attempts, backoff, delay and dead letters
 * live beside the receiver's own data, as those of topics do, because no two brokers agree on them.
 */
export type Queues = BrokerAdapter & {
  /** Puts messages on the queue of their `type`. Resolved means durable; rejected means none or some may be there. */
  readonly send: (messages: readonly Message[]) => Promise<void>
  /** Starts a competing receiver of a queue. */
  readonly receive: (options: ReceiveOptions) => Promise<Subscription>
}

export type ReceiveOptions = {
  readonly queue: string
  /** Messages in hand at once. Default 16. */
  readonly concurrency?: number
  /**
   * Resolved means acknowledged: nobody gets it again. Rejected means that it comes again after a pause, to anyone. So does
   * what was in the hands of a receiver that died.
   */
  readonly handle: (message: Message) => Promise<void>
  /** Told of trouble that is being retried. */
  readonly onError?: (error: unknown) => void
}
