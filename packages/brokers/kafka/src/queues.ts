import { createAlarm } from 'dure/runtime/internal'
import type { QueueSource, Receivers, Work } from 'dure/messaging/adapter'
import type { Delivery } from 'dure/messaging'
import type { Cluster } from './cluster.ts'
import type { Holding } from './holding.ts'
import { sizeOf } from './holding.ts'
import { aheadOf, offsetsOf } from './offsets.ts'
import { createReader, type Reader } from './reader.ts'
import type { ReaderWorld } from './world.ts'

/** What of a holding has been given out and is not done, and what is done before the others. */
type Progress = {
  readonly holding: Holding
  readonly open: Set<number>
  readonly done: Set<number>
  readonly given: WeakSet<Work>
}

/** Milliseconds between deletions of what is done. */
const SWEEP_EVERY = 60_000

/**
 * A queue as this process works on it: a topic, and one member of the group of its receivers, which is called as the topic is.
 *
 * Kafka commits a position and no messages. So the position is that of the first message that is not done, and what is done
 * behind it is noted beside: a message that takes long is in nobody's way, and what its process has done does not come again.
 */
export function openQueue(world: ReaderWorld, topic: string, receivers: Receivers): QueueSource {
  const all = new Map<string, Progress>()

  const hold = async (holding: Holding, at: Reader): Promise<void> => {
    const done = new Set(offsetsOf(holding.done, holding.note.ahead))
    const progress: Progress = { holding, open: new Set(), done, given: new WeakSet() }
    all.set(holding.key, progress)
    holding.next = holding.done
    at.wake()
    while (!holding.ending.signal.aborted) {
      await holding.news.promise
      wake()
    }
    all.delete(holding.key)
    // What waits for another try stays open: whoever has the partition next begins with it.
    await receivers.settled((work) => progress.given.has(work))
  }

  /** The next message of the holdings: of several, the one that was sent first, as its id tells where ids have an order. */
  const next = (): { readonly progress: Progress; readonly one: Delivery } | undefined => {
    let best: Progress | undefined
    for (const progress of all.values()) {
      const { waiting, ending } = progress.holding
      skipDone(progress)
      if (waiting.length === 0 || ending.signal.aborted) continue
      if (best === undefined || waiting[0]!.message.id < best.holding.waiting[0]!.message.id) best = progress
    }
    return best && { progress: best, one: drop(best.holding) }
  }

  const wake = (): void => {
    while (receivers.room().messages > 0) {
      const found = next()
      if (found === undefined) return
      give(found.progress, found.one)
      reader.wake()
    }
  }

  const give = (progress: Progress, one: Delivery): void => {
    const { holding, open, given } = progress
    const offset = offsetOf(one)
    open.add(offset)
    const work: Work = {
      ...{ message: one.message, size: sizeOf(one), isOurs: () => !holding.ending.signal.aborted },
      done: async () => {
        open.delete(offset)
        settle(progress, offset)
        reader.moved(holding)
      },
    }
    given.add(work)
    receivers.give(work)
  }

  const reader = createReader(world, { ...{ group: topic, topics: [topic], from: 'beginning', hold }, onError: receivers.failed })
  const sweeper = createAlarm({
    ...{ runtime: world.runtime, next: async () => undefined, longest: SWEEP_EVERY, failed: receivers.failed },
    work: () => sweep(world.cluster, topic, all.values()),
  })
  world.closed.addEventListener('abort', () => void sweeper.stop())

  return {
    wake,
    leave: async () => {
      await reader.leave()
      await sweeper.stop()
    },
  }
}

const offsetOf = ({ position }: Delivery): number => Number(position)

function drop(holding: Holding): Delivery {
  const one = holding.waiting.shift()!
  holding.size -= sizeOf(one)
  return one
}

/** Up to the first that is not done it is to be committed; what is done behind it is noted. */
function settle(progress: Progress, offset: number): void {
  const { holding, open, done } = progress
  done.add(offset)
  skipDone(progress)
  const waiting = holding.waiting.length > 0 ? offsetOf(holding.waiting[0]!) : (holding.next ?? holding.done)
  holding.done = Math.min(waiting, ...open)
  for (const one of done) if (one < holding.done) done.delete(one)
  holding.note = { ...holding.note, ahead: aheadOf(holding.done, done) }
}

/** Work is kept for as long as nobody has done it, and no longer. */
async function sweep(cluster: Cluster, name: string, progresss: Iterable<Progress>): Promise<void> {
  const partitions = [...progresss]
    .filter(({ holding: { saved } }) => saved > 0)
    .map(({ holding: { partition, saved } }) => ({ partition, offset: BigInt(saved) }))
  if (partitions.length > 0) await cluster.admin.deleteRecords({ topics: [{ name, partitions }] })
}

/** Takes out what waits and was done by another before. */
function skipDone({ holding, done }: Progress): void {
  while (holding.waiting.length > 0 && done.has(offsetOf(holding.waiting[0]!))) drop(holding)
}
