import type { Message } from '../contract/contract.ts'
import type { Inbox, Store, StoreTransaction } from '../data/data.ts'
import type { Decoder } from './decode.ts'
import type { Arrival } from './arrival.ts'
import type { Parked } from './parked.ts'
import type { Share, Together } from './together.ts'

/** A message with its data read. */
export type Received = { readonly message: Message; readonly data: unknown }

/** What happens to a message: before its transaction, and in it. */
export type Effect = {
  readonly prepare: ((received: Received) => Promise<unknown>) | undefined
  readonly handle: (received: Received, tx: StoreTransaction, prepared: unknown) => Promise<void> | void
}

/** What became of a batch's messages. */
export type Tally = { handled: number; duplicates: number; parked: number }

/** One message of a batch on its way through. */
type Passage = {
  readonly message: Message
  data: unknown
  /** The message of the same key before it. */
  readonly previous: Passage | undefined
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
export function createLanes(options: {
  store: Store
  inbox: Inbox
  consumer: string
  decode: Decoder
  effect: Effect
  concurrency: number
  parked: Parked
  tally: Tally
  together: Together
}): (messages: readonly Message[], alone: boolean) => Promise<void> {
  const { store, inbox, consumer, decode, effect, concurrency, parked, tally, together } = options
  const shares = effect.prepare === undefined
  // A store with one writer runs transactions in the order in which they were asked for: then all of a batch can be
  // asked for at once, and one key still happens in order.
  const inOrder = store.dialect === 'sqlite'

  const run = async (messages: readonly Message[], alone: boolean): Promise<void> => {
    const passages = admit(messages)
    const held: string[] = []
    for (const { outcome, message } of passages) {
      if (outcome !== 'behind') continue
      parked.reserve(message.key)
      held.push(message.key)
    }
    try {
      await read(passages)
      if (alone) await runAlone(passages)
      else if (shares) await passTogether(passages)
      else await runLanes(passages)
      await settle(passages)
    } finally {
      for (const key of held) parked.release(key)
    }
  }

  const admit = (messages: readonly Message[]): readonly Passage[] => {
    const last = new Map<string, Passage>()
    return messages.map((message) => {
      const passage: Passage = {
        message,
        data: undefined,
        previous: last.get(message.key),
        begun: false,
        written: false,
        outcome: parked.holds(message.key) ? 'behind' : undefined,
        failure: undefined,
      }
      last.set(message.key, passage)
      return passage
    })
  }

  const read = async (passages: readonly Passage[]): Promise<void> => {
    for (const passage of passages) {
      if (passage.outcome === 'behind') continue
      try {
        const data = decode(passage.message)
        passage.data = data instanceof Promise ? await data : data
      } catch (error) {
        passage.outcome = 'failed'
        passage.failure = error
      }
    }
  }

  const passTogether = async (passages: readonly Passage[]): Promise<void> => {
    for (const passage of passages) {
      if (passage.outcome === undefined && passage.previous?.outcome !== undefined) passage.outcome = 'behind'
    }
    const able = passages.filter(({ outcome }) => outcome === undefined)
    if (able.length === 0) return
    const outcome = await together(able.map(shareOf))
    if (outcome === 'alone') await (inOrder ? Promise.all(able.map(pass)) : runLanes(able))
    else for (const passage of able) passage.outcome = 'handled'
  }

  const shareOf = ({ message, data }: Passage): Share => ({
    consumer,
    messageId: message.id,
    handle: (tx) => effect.handle({ message, data }, tx, undefined),
  })

  const pass = async (passage: Passage): Promise<void> => {
    if (passage.outcome !== undefined) return
    try {
      const prepared = await prepare(passage)
      if (passage.outcome !== undefined) return
      await store.transaction((tx) => work(passage, tx, prepared))
    } catch (error) {
      // Its own failure, unless it never began or had done everything when the commit failed.
      const own = passage.begun && !passage.written
      passage.written = false
      passage.outcome = own ? 'failed' : undefined
      passage.failure = error
    }
  }

  const prepare = async (passage: Passage): Promise<unknown> => {
    if (effect.prepare === undefined) return undefined
    if (blocked(passage)) return void (passage.outcome = 'behind')
    passage.begun = true
    const prepared = await effect.prepare({ message: passage.message, data: passage.data })
    passage.begun = false
    return prepared
  }

  const work = async (passage: Passage, tx: StoreTransaction, prepared: unknown): Promise<void> => {
    // Where many write at once, a transaction that others crossed is begun again.
    passage.begun = passage.written = false
    // Asked here, in the transaction, because only now is it known how the one before it went.
    if (blocked(passage)) return void (passage.outcome = 'behind')
    const { message, data } = passage
    if (await inbox.mark(tx, consumer, message.id)) {
      // Only the handler's trouble is the message's own.
      passage.begun = true
      passage.outcome = 'handled'
      await effect.handle({ message, data }, tx, prepared)
    } else {
      passage.outcome = 'duplicate'
    }
    // The last thing before the commit: what the handler left to be written may still fail.
    tx.beforeCommit(async () => void (passage.written = true))
  }

  const blocked = ({ previous }: Passage): boolean => previous !== undefined && !previous.written

  const runAlone = async (passages: readonly Passage[]): Promise<void> => {
    for (const passage of passages) {
      await pass(passage)
      // If it was the store after all, parking fails as well and the batch comes once more.
      passage.outcome ??= 'failed'
    }
  }

  const runLanes = async (passages: readonly Passage[]): Promise<void> => {
    const lanes = new Map<string, Passage[]>()
    for (const passage of passages) {
      const lane = lanes.get(passage.message.key)
      if (lane) lane.push(passage)
      else lanes.set(passage.message.key, [passage])
    }
    const waiting = lanes.values()
    const worker = async (): Promise<void> => {
      for (const lane of waiting) for (const passage of lane) await pass(passage)
    }
    await Promise.all(Array.from({ length: Math.min(concurrency, lanes.size) }, worker))
  }

  const settle = async (passages: readonly Passage[]): Promise<void> => {
    const arrivals: Arrival[] = []
    let trouble: Passage | undefined
    for (const passage of passages) {
      if (passage.outcome === 'handled') tally.handled++
      else if (passage.outcome === 'duplicate') tally.duplicates++
      else if (passage.outcome === 'failed') arrivals.push({ message: passage.message, failure: passage.failure })
      else if (passage.outcome === 'behind') arrivals.push({ message: passage.message, behind: true })
      else trouble ??= passage
    }
    // The batch comes again as a whole: what was done is recognised by its mark, and nothing may be parked out of order.
    if (trouble) throw trouble.failure
    if (arrivals.length === 0) return
    await parked.add(arrivals)
    tally.parked += arrivals.length
  }

  return run
}
