import type { Message } from '../../contract/contract.ts'
import type { Fence, Store, StoreTransaction } from '../../data/data.ts'
import type { Parked, ParkedEntry } from '../parked/parked.ts'
import type { EffectPipeline, Received } from './effect.ts'
import type { Share, TransactionBatcher } from './transaction-batcher.ts'

/** What became of a batch's messages. */
export type Counters = { handled: number; duplicates: number; parked: number }

/** One message of a batch on its way through. */
type InFlightMessage = {
  readonly message: Message
  readonly position: string | undefined
  readonly key: string
  received: Received | undefined
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
 * Rejects for trouble that is not the messages' own (the store's, or that their partition is another member's); the broker then brings the batch again. It is
 * then to be run `alone`, one message after another: who fails now even at the commit fails by itself, and is parked.
 */
export function createKeyedProcessor(options: {
  store: Store
  /** Of the partition that the messages are of. */
  fence: Fence | undefined
  pipeline: EffectPipeline
  /** What messages are in order of, and what one that fails holds. */
  keyOf: (message: Message) => string
  concurrency: number
  parked: Parked
  counters: Counters
  batcher: TransactionBatcher
}): (messages: readonly Message[], alone: boolean, positions?: readonly string[]) => Promise<void> {
  const { store, fence, pipeline, keyOf, concurrency, parked, counters, batcher } = options
  const shares = pipeline.prepare === undefined
  // A store with one writer runs transactions in the order in which they were asked for: then all of a batch can be
  // asked for at once, and one key still happens in order.
  const inOrder = store.sharing === 'exclusive'
  const pass = passing(store, pipeline, fence)

  const admit = (messages: readonly Message[], positions: readonly string[] = []): readonly InFlightMessage[] => {
    const last = new Map<string, InFlightMessage>()
    return messages.map((message, i) => {
      const key = keyOf(message)
      const outcome = parked.holds(key) ? 'behind' : undefined
      const state = { received: undefined, begun: false, written: false, outcome, failure: undefined } as const
      const current: InFlightMessage = { message, position: positions[i], key, previous: last.get(key), ...state }
      last.set(key, current)
      return current
    })
  }

  const passTogether = async (inFlight: readonly InFlightMessage[]): Promise<void> => {
    for (const current of inFlight) {
      if (current.outcome === undefined && current.previous?.outcome !== undefined) current.outcome = 'behind'
    }
    const able = inFlight.filter(({ outcome }) => outcome === undefined)
    if (able.length === 0) return
    const outcome = await batcher(able.map(shareOf))
    if (outcome === 'alone') await (inOrder ? Promise.all(able.map(pass)) : passByKey(able))
    else for (const current of able) current.outcome = 'handled'
  }

  const shareOf = ({ message, key, received }: InFlightMessage): Share => ({
    ...pipeline.markOf(message, fence),
    key,
    handle: (tx) => pipeline.handle({ ...received!, together: true }, tx, undefined),
  })

  const passAlone = async (inFlight: readonly InFlightMessage[]): Promise<void> => {
    for (const current of inFlight) {
      await pass(current)
      // If it was the store after all, parking fails as well and the batch comes once more.
      current.outcome ??= 'failed'
    }
  }

  const passByKey = async (inFlight: readonly InFlightMessage[]): Promise<void> => {
    const keys = Map.groupBy(inFlight, ({ key }) => key)
    const waiting = keys.values()
    const worker = async (): Promise<void> => {
      for (const ofKey of waiting) for (const current of ofKey) await pass(current)
    }
    await Promise.all(Array.from({ length: Math.min(concurrency, keys.size) }, worker))
  }

  const settle = async (inFlight: readonly InFlightMessage[]): Promise<void> => {
    const entries: ParkedEntry[] = []
    let trouble: InFlightMessage | undefined
    for (const current of inFlight) {
      const { message, key, outcome, failure } = current
      if (outcome === 'handled') counters.handled++
      else if (outcome === 'duplicate') counters.duplicates++
      else if (outcome === 'failed') entries.push({ message, key, failure })
      else if (outcome === 'behind') entries.push({ message, key, behind: true })
      else trouble ??= current
    }
    // The batch comes again as a whole: what was done is recognised by its mark, and nothing may be parked out of order.
    if (trouble) throw trouble.failure
    if (entries.length === 0) return
    await parked.add(entries)
    counters.parked += entries.length
  }

  return async (messages, alone, positions) => {
    const inFlight = admit(messages, positions)
    const held = inFlight.filter(({ outcome }) => outcome === 'behind')
    for (const { key } of held) parked.reserve(key)
    try {
      await readAll(pipeline, inFlight, fence)
      if (alone) await passAlone(inFlight)
      else if (shares) await passTogether(inFlight)
      else await passByKey(inFlight)
      await settle(inFlight)
    } finally {
      for (const { key } of held) parked.release(key)
    }
  }
}

async function readAll(pipeline: EffectPipeline, inFlight: readonly InFlightMessage[], fence: Fence | undefined): Promise<void> {
  for (const current of inFlight) {
    if (current.outcome === 'behind') continue
    try {
      const { position } = current
      const received = pipeline.read(current.message, { attempt: 1, partition: fence?.partition, position })
      current.received = received instanceof Promise ? await received : received
    } catch (error) {
      current.outcome = 'failed'
      current.failure = error
    }
  }
}

/** Takes one message through a transaction of its own, and notes how that went. */
function passing(store: Store, pipeline: EffectPipeline, fence: Fence | undefined): (current: InFlightMessage) => Promise<void> {
  const blocked = ({ previous }: InFlightMessage): boolean => previous !== undefined && !previous.written

  const prepare = async (current: InFlightMessage): Promise<unknown> => {
    if (pipeline.prepare === undefined) return undefined
    if (blocked(current)) return void (current.outcome = 'behind')
    current.begun = true
    const prepared = await pipeline.prepare(current.received!)
    current.begun = false
    return prepared
  }

  type Instead = ReturnType<EffectPipeline['instead']>
  const work = async (current: InFlightMessage, tx: StoreTransaction, prepared: unknown, instead: Instead): Promise<void> => {
    // Where many write at once, a transaction that others crossed is begun again.
    current.begun = current.written = false
    // Asked here, in the transaction, because only now is it known how the one before it went.
    if (blocked(current)) return void (current.outcome = 'behind')
    // Only the handler's trouble is the message's own.
    current.outcome = await pipeline.apply(
      tx,
      { received: current.received!, prepared, fence, instead },
      () => void (current.begun = true),
    )
    // The last thing before the commit: what the handler left to be written may still fail.
    tx.beforeCommit(async () => void (current.written = true))
  }

  const attempt = async (current: InFlightMessage, prepared: () => unknown, instead?: Instead): Promise<void> => {
    try {
      const ready = await prepared()
      if (current.outcome !== undefined) return
      await store.transaction((tx) => work(current, tx, ready, instead), { marked: true })
    } catch (error) {
      // Its own failure, unless it never began or had done everything when the commit failed.
      const own = current.begun && !current.written
      current.written = false
      const other = own && instead === undefined ? pipeline.instead(current.received!, error) : undefined
      if (other !== undefined) return attempt(current, () => undefined, other)
      current.outcome = own ? 'failed' : undefined
      current.failure = error
    }
  }
  return async (current) => (current.outcome === undefined ? attempt(current, () => prepare(current)) : undefined)
}
