import type { Message } from '../../contract/contract.ts'
import type { Inbox, Store, StoreTransaction } from '../../data/data.ts'
import type { Decoder } from '../decode.ts'
import type { ParkedEntry } from '../parked/parked.ts'
import type { Parked } from '../parked/parked.ts'
import type { Share, TransactionBatcher } from './transaction-batcher.ts'

/** A message with its data read. */
export type Received = { readonly message: Message; readonly data: unknown }

/** What happens to a message: before its transaction, and in it. */
export type Effect = {
  readonly prepare: ((received: Received) => Promise<unknown>) | undefined
  readonly handle: (received: Received, tx: StoreTransaction, prepared: unknown) => Promise<void> | void
}

/** What became of a batch's messages. */
export type Counters = { handled: number; duplicates: number; parked: number }

/** One message of a batch on its way through. */
type InFlightMessage = {
  readonly message: Message
  data: unknown
  /** The message of the same key before it. */
  readonly previous: InFlightMessage | undefined
  /** In the hands of its handler (or `prepare`): what fails now is its own doing. */
  begun: boolean
  /** Its work is written; still to be committed. */
  written: boolean
  outcome: 'handled' | 'duplicate' | 'behind' | 'failed' | undefined
  failure: unknown
}

/**
 * Runs the messages of one batch: one key strictly in order, different keys side by side, each effect in one
 * transaction with its inbox mark. What fails is parked with everything of its key after it.
 * Rejects for trouble that is not the messages' own (the store's); the broker then brings the batch again. It is
 * then to be run `alone`, one message after another: who fails now even at the commit fails by itself, and is parked.
 */
export function createKeyedProcessor(options: {
  store: Store
  inbox: Inbox
  consumer: string
  decode: Decoder
  effect: Effect
  concurrency: number
  parked: Parked
  counters: Counters
  together: TransactionBatcher
}): (messages: readonly Message[], alone: boolean) => Promise<void> {
  const { store, inbox, consumer, decode, effect, concurrency, parked, counters, together } = options
  const shares = effect.prepare === undefined
  // A store with one writer runs transactions in the order in which they were asked for: then all of a batch can be
  // asked for at once, and one key still happens in order.
  const inOrder = store.dialect === 'sqlite'

  const run = async (messages: readonly Message[], alone: boolean): Promise<void> => {
    const inFlight = admit(messages)
    const held: string[] = []
    for (const { outcome, message } of inFlight) {
      if (outcome !== 'behind') continue
      parked.reserve(message.key)
      held.push(message.key)
    }
    try {
      await read(inFlight)
      if (alone) await runAlone(inFlight)
      else if (shares) await passTogether(inFlight)
      else await runLanes(inFlight)
      await settle(inFlight)
    } finally {
      for (const key of held) parked.release(key)
    }
  }

  const admit = (messages: readonly Message[]): readonly InFlightMessage[] => {
    const last = new Map<string, InFlightMessage>()
    return messages.map((message) => {
      const current: InFlightMessage = {
        message,
        data: undefined,
        previous: last.get(message.key),
        begun: false,
        written: false,
        outcome: parked.holds(message.key) ? 'behind' : undefined,
        failure: undefined,
      }
      last.set(message.key, current)
      return current
    })
  }

  const read = async (inFlight: readonly InFlightMessage[]): Promise<void> => {
    for (const current of inFlight) {
      if (current.outcome === 'behind') continue
      try {
        const data = decode(current.message)
        current.data = data instanceof Promise ? await data : data
      } catch (error) {
        current.outcome = 'failed'
        current.failure = error
      }
    }
  }

  const passTogether = async (inFlight: readonly InFlightMessage[]): Promise<void> => {
    for (const current of inFlight) {
      if (current.outcome === undefined && current.previous?.outcome !== undefined) current.outcome = 'behind'
    }
    const able = inFlight.filter(({ outcome }) => outcome === undefined)
    if (able.length === 0) return
    const outcome = await together(able.map(shareOf))
    if (outcome === 'alone') await (inOrder ? Promise.all(able.map(pass)) : runLanes(able))
    else for (const current of able) current.outcome = 'handled'
  }

  const shareOf = ({ message, data }: InFlightMessage): Share => ({
    consumer,
    messageId: message.id,
    handle: (tx) => effect.handle({ message, data }, tx, undefined),
  })

  const pass = async (current: InFlightMessage): Promise<void> => {
    if (current.outcome !== undefined) return
    try {
      const prepared = await prepare(current)
      if (current.outcome !== undefined) return
      await store.transaction((tx) => work(current, tx, prepared))
    } catch (error) {
      // Its own failure, unless it never began or had done everything when the commit failed.
      const own = current.begun && !current.written
      current.written = false
      current.outcome = own ? 'failed' : undefined
      current.failure = error
    }
  }

  const prepare = async (current: InFlightMessage): Promise<unknown> => {
    if (effect.prepare === undefined) return undefined
    if (blocked(current)) return void (current.outcome = 'behind')
    current.begun = true
    const prepared = await effect.prepare({ message: current.message, data: current.data })
    current.begun = false
    return prepared
  }

  const work = async (current: InFlightMessage, tx: StoreTransaction, prepared: unknown): Promise<void> => {
    // Where many write at once, a transaction that others crossed is begun again.
    current.begun = current.written = false
    // Asked here, in the transaction, because only now is it known how the one before it went.
    if (blocked(current)) return void (current.outcome = 'behind')
    const { message, data } = current
    if (await inbox.mark(tx, consumer, message.id)) {
      // Only the handler's trouble is the message's own.
      current.begun = true
      current.outcome = 'handled'
      await effect.handle({ message, data }, tx, prepared)
    } else {
      current.outcome = 'duplicate'
    }
    // The last thing before the commit: what the handler left to be written may still fail.
    tx.beforeCommit(async () => void (current.written = true))
  }

  const blocked = ({ previous }: InFlightMessage): boolean => previous !== undefined && !previous.written

  const runAlone = async (inFlight: readonly InFlightMessage[]): Promise<void> => {
    for (const current of inFlight) {
      await pass(current)
      // If it was the store after all, parking fails as well and the batch comes once more.
      current.outcome ??= 'failed'
    }
  }

  const runLanes = async (inFlight: readonly InFlightMessage[]): Promise<void> => {
    const byKey = new Map<string, InFlightMessage[]>()
    for (const current of inFlight) {
      const ofKey = byKey.get(current.message.key)
      if (ofKey) ofKey.push(current)
      else byKey.set(current.message.key, [current])
    }
    const waiting = byKey.values()
    const worker = async (): Promise<void> => {
      for (const ofKey of waiting) for (const current of ofKey) await pass(current)
    }
    await Promise.all(Array.from({ length: Math.min(concurrency, byKey.size) }, worker))
  }

  const settle = async (inFlight: readonly InFlightMessage[]): Promise<void> => {
    const arrivals: ParkedEntry[] = []
    let trouble: InFlightMessage | undefined
    for (const current of inFlight) {
      if (current.outcome === 'handled') counters.handled++
      else if (current.outcome === 'duplicate') counters.duplicates++
      else if (current.outcome === 'failed') arrivals.push({ message: current.message, failure: current.failure })
      else if (current.outcome === 'behind') arrivals.push({ message: current.message, behind: true })
      else trouble ??= current
    }
    // The batch comes again as a whole: what was done is recognised by its mark, and nothing may be parked out of order.
    if (trouble) throw trouble.failure
    if (arrivals.length === 0) return
    await parked.add(arrivals)
    counters.parked += arrivals.length
  }

  return run
}
