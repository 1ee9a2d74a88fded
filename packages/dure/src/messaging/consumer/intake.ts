import type { Message } from '../../contract/contract.ts'
import type { Parked, ParkedCount } from '../parked/parked.ts'
import type { Semaphore } from './semaphore.ts'

/** Takes what the broker hands over of one partition: within limits, with care after a crash, one by one after trouble. */
export type Intake = {
  /** `positions`: where each of them stands in its partition. */
  readonly take: (messages: readonly Message[], positions?: readonly string[]) => Promise<void>
  readonly inHand: () => number
  /** So much is parked that nothing more is read. */
  readonly full: () => boolean
}

export function createIntake(options: {
  readonly kind: 'topic' | 'queue'
  readonly consumer: string
  readonly limits: { readonly parked: number }
  readonly semaphore: Semaphore
  /** Messages to be read with care. */
  readonly careful: number
  readonly parked: Parked
  /** What the consumer has parked, in all its partitions. */
  readonly count: () => ParkedCount
  readonly keyOf: (message: Message) => string
  readonly process: (messages: readonly Message[], alone: boolean, positions?: readonly string[]) => Promise<void>
}): Intake {
  const { kind, consumer, limits, semaphore, parked, count, keyOf, process } = options
  let { careful } = options
  /** Its last batch ended in trouble with the store. */
  let troubled = false
  let inHand = 0
  let stopped = false
  const isFull = (): boolean => {
    const { waiting, dead, delayed } = count()
    return waiting + dead - delayed >= limits.parked || delayed >= limits.parked * DELAYED
  }

  /** One of these may be what ended the process: each is tried from the table, where tries are counted first. */
  const readWithCare = async (messages: readonly Message[]): Promise<void> => {
    careful -= messages.length
    const keys = messages.map(keyOf)
    for (const key of keys) parked.reserve(key)
    try {
      await parked.add(messages.map((message, at) => ({ message, key: keys[at]!, behind: true })))
    } finally {
      for (const key of keys) parked.release(key)
    }
  }

  const take = async (messages: readonly Message[], positions: readonly string[] | undefined): Promise<void> => {
    // What is to wait holds nobody meanwhile.
    const [{ id, delay = 0 }] = messages as readonly [Message]
    if (kind === 'queue' && delay > 0) return parked.add(messages.map((message) => ({ message, key: id, delay })))
    // What was parked when the trouble came may be there, though nobody was told.
    if (troubled) await parked.reload()
    await (careful > 0 ? readWithCare(messages) : process(messages, troubled, positions))
  }

  return {
    inHand: () => inHand,
    full: () => stopped && isFull(),
    take: async (messages, positions) => {
      stopped = isFull()
      if (stopped) throw new Error(fullText(consumer, count(), limits.parked))
      const taken = await semaphore.take(messages.length)
      inHand += messages.length
      try {
        await take(messages, positions)
        troubled = false
      } catch (error) {
        troubled = true
        throw error
      } finally {
        inHand -= messages.length
        semaphore.give(taken)
      }
    },
  }
}

/** How many times as many may wait for their delay as for another try: nothing is wrong with them. */
const DELAYED = 10

/** Why nothing more is read. */
export function fullText(consumer: string, { waiting, dead }: ParkedCount, limit: number): string {
  return `Consumer "${consumer}" reads nothing more: ${waiting + dead} of its messages are parked, and ${limit} is the limit; retry or discard its dead letters`
}
