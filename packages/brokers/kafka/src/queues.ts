import { backoff } from 'dure/messaging/adapter'
import type { Delivery, ReceiveOptions } from 'dure/messaging'
import type { Timer } from 'dure/runtime'
import type { Cluster } from './cluster.ts'
import type { Holding } from './holding.ts'
import { BATCH_SIZE, sizeOf } from './holding.ts'
import { aheadOf, offsetsOf } from './offsets.ts'
import { createReader, type Reader } from './reader.ts'
import type { ReaderWorld } from './world.ts'

/** A queue as this process works on it: a topic, one member of the group of its receivers, and hands that share what comes. */
export type Queue = {
  readonly receive: (options: ReceiveOptions) => Receiver
  readonly joined: Promise<void>
}

/** Answers, when it has nothing in hand any more, whether it was the last one. */
export type Receiver = { readonly leave: () => Promise<void> }

type Hands = { readonly options: ReceiveOptions; inHand: number; leaving: boolean; idle: (() => void) | undefined }
/** What of a holding has been handed out and is not done (in hand, or waiting for another try), and what is done before the others. */
type Work = {
  readonly holding: Holding
  readonly open: Set<number>
  readonly done: Set<number>
  inHand: number
  idle: (() => void) | undefined
}

const RETRY = { first: 50, max: 10_000 }
/** UTF-16 units of a queue's data that are in hand at once, about; one message always is. */
const LARGEST = 16 * BATCH_SIZE
/** Messages that wait to be handed out once more: with so many nothing new is taken. */
const MOST_PAUSES = 1_000
/** Milliseconds between deletions of what is done. */
const SWEEP_EVERY = 60_000

/**
 * Kafka commits a position and no messages. So the position is that of the first message that is not done, and what is done
 * behind it is noted beside: a message that takes long is in nobody's way, and what its process has done does not come again.
 */
export function openQueue(
  world: ReaderWorld,
  options: { readonly topic: string; readonly group: string; readonly empty: () => void },
): Queue {
  const { timers, random } = world.runtime
  const receivers: Hands[] = []
  const works = new Map<string, Work>()
  /** What is to be handed out once more. */
  const again: { readonly work: Work; readonly one: Delivery }[] = []
  const failures = new Map<string, number>()
  let pauses = 0
  let inHand = 0
  let inHandSize = 0
  let turn = 0

  const hold = async (holding: Holding, at: Reader): Promise<void> => {
    const done = new Set(offsetsOf(holding.done, holding.note.ahead))
    const work: Work = { holding, open: new Set(), done, inHand: 0, idle: undefined }
    works.set(holding.key, work)
    holding.next = holding.done
    at.wake()
    while (!holding.ending.signal.aborted) {
      await holding.news.promise
      wake()
    }
    works.delete(holding.key)
    // What waits for another try stays open: whoever has the partition next begins with it.
    if (work.inHand > 0) await new Promise<void>((resolve) => void (work.idle = resolve))
  }

  /** The next message of the holdings: of several, the one that was sent first, as its id tells where ids have an order. */
  const next = (): { readonly work: Work; readonly one: Delivery } | undefined => {
    while (again.length > 0) {
      const first = again.shift()!
      if (!first.work.holding.ending.signal.aborted) return first
    }
    if (pauses >= MOST_PAUSES) return undefined
    let best: Work | undefined
    for (const work of works.values()) {
      const { waiting, ending } = work.holding
      skipDone(work)
      if (waiting.length === 0 || ending.signal.aborted) continue
      if (best === undefined || waiting[0]!.message.id < best.holding.waiting[0]!.message.id) best = work
    }
    if (best === undefined) return undefined
    const one = drop(best.holding)
    best.open.add(offsetOf(one))
    reader.wake()
    return { work: best, one }
  }

  const wake = (): void => {
    while (receivers.some(isFree)) {
      if (inHand > 0 && inHandSize >= LARGEST) return
      const found = next()
      if (found === undefined) return
      // Receivers take turns, so that one with many hands does not get everything.
      while (!isFree(receivers[turn % receivers.length]!)) turn++
      void handle(receivers[turn++ % receivers.length]!, found.work, found.one)
    }
  }

  const handle = async (receiver: Hands, work: Work, one: Delivery): Promise<void> => {
    const offset = offsetOf(one)
    const key = keyOf(work, offset)
    receiver.inHand++
    work.inHand++
    inHand++
    inHandSize += sizeOf(one)
    try {
      await receiver.options.handle(one.message)
      failures.delete(key)
      work.open.delete(offset)
      settle(work, offset)
      reader.moved(work.holding)
    } catch (error) {
      receiver.options.onError?.(error)
      comeAgain(work, one)
    }
    if (--work.inHand === 0) work.idle?.()
    inHand--
    inHandSize -= sizeOf(one)
    if (--receiver.inHand === 0) receiver.idle?.()
    wake()
  }

  const comeAgain = (work: Work, one: Delivery): void => {
    const key = keyOf(work, offsetOf(one))
    const failed = (failures.get(key) ?? 0) + 1
    failures.set(key, failed)
    pauses++
    timers.after(backoff(RETRY, failed, random), () => {
      pauses--
      if (work.holding.ending.signal.aborted) return void failures.delete(key)
      again.push({ work, one })
      wake()
    })
  }

  const sweepOnce = async (): Promise<void> => {
    await sweep(world.cluster, options.topic, works.values()).catch(onError)
    if (receivers.length > 0) sweeping = sweepLater()
  }
  const sweepLater = (): Timer => timers.after(SWEEP_EVERY, () => void sweepOnce())
  let sweeping = sweepLater()

  const onError = (error: unknown): void => receivers.forEach((receiver) => receiver.options.onError?.(error))
  const reader = createReader(world, { group: options.group, topics: [options.topic], from: 'beginning', hold, onError })

  return {
    joined: reader.joined,
    receive: (request) => {
      const receiver: Hands = { options: request, inHand: 0, leaving: false, idle: undefined }
      receivers.push(receiver)
      wake()
      return {
        leave: async () => {
          receiver.leaving = true
          const isLast = receivers.every(({ leaving }) => leaving)
          if (isLast) options.empty()
          if (receiver.inHand > 0) await new Promise<void>((resolve) => void (receiver.idle = resolve))
          receivers.splice(receivers.indexOf(receiver), 1)
          if (isLast) await reader.leave()
          if (isLast) sweeping.cancel()
        },
      }
    },
  }
}

const keyOf = ({ holding }: Work, offset: number): string => `${offset} ${holding.key}`
const offsetOf = ({ position }: Delivery): number => Number(position)

function drop(holding: Holding): Delivery {
  const one = holding.waiting.shift()!
  holding.size -= sizeOf(one)
  return one
}

/** Up to the first that is not done it is to be committed; what is done behind it is noted. */
function settle(work: Work, offset: number): void {
  const { holding, open, done } = work
  done.add(offset)
  skipDone(work)
  const waiting = holding.waiting.length > 0 ? offsetOf(holding.waiting[0]!) : (holding.next ?? holding.done)
  holding.done = Math.min(waiting, ...open)
  for (const one of done) if (one < holding.done) done.delete(one)
  holding.note = { ...holding.note, ahead: aheadOf(holding.done, done) }
}

/** Work is kept for as long as nobody has done it, and no longer. */
async function sweep(cluster: Cluster, name: string, works: Iterable<Work>): Promise<void> {
  const partitions = [...works]
    .filter(({ holding: { saved } }) => saved > 0)
    .map(({ holding: { partition, saved } }) => ({ partition, offset: BigInt(saved) }))
  if (partitions.length > 0) await cluster.admin.deleteRecords({ topics: [{ name, partitions }] })
}

/** Takes out what waits and was done by another before. */
function skipDone({ holding, done }: Work): void {
  while (holding.waiting.length > 0 && done.has(offsetOf(holding.waiting[0]!))) drop(holding)
}

function isFree({ options, inHand, leaving }: Hands): boolean {
  return !leaving && inHand < (options.concurrency ?? 16)
}
