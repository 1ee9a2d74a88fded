import { backoff, holdPartition, inTime } from 'dure/messaging/adapter'
import type { SubscribeOptions } from 'dure/messaging'
import type { Holding } from './holding.ts'
import { firstOf, moveTo, take } from './holding.ts'
import { offsetAfter } from './offsets.ts'
import { createReader, type Reader } from './reader.ts'
import type { ReaderWorld } from './world.ts'

/** Milliseconds before a partition is given to another member because of a newer message: all members wait for that. */
const PASS_ON = { first: 1_000, max: 1_000 }
/** Milliseconds that joining is waited for: a group that is made anew may take seconds, and nobody waits for it. */
const JOINING = 1_000

/** Joins a group as one who subscribes: batches of one partition, in order. Answers what leaves it. */
export async function subscribeAs(
  world: ReaderWorld,
  { group, topics, options }: { readonly group: string; readonly topics: readonly string[]; readonly options: SubscribeOptions },
): Promise<() => Promise<void>> {
  const { runtime, nameOf } = world

  const hold = async (holding: Holding, reader: Reader): Promise<void> => {
    const { signal } = holding.ending
    const { epoch, broker } = holding.note
    const held = holdPartition(runtime, {
      assignment: { topic: nameOf(holding.topic), partition: holding.partition, epoch, broker },
      // Lost while it is given back, it is lost without a word.
      member: { ...options, revoked: async (place) => (holding.lost ? undefined : options.revoked?.(place)) },
      open: (after) => {
        moveTo(holding, after === undefined ? holding.done : offsetAfter(after))
        reader.wake()
      },
      next: (limit) => firstOf(holding.waiting, limit),
      taken: (batch) => {
        take(holding, batch.length)
        reader.settle(holding)
      },
      refused: async () => {
        await runtime.timers.sleep(backoff(PASS_ON, 1, runtime.random), signal)
        if (!signal.aborted) reader.refuse(holding)
      },
    })
    while (!signal.aborted) {
      await holding.news.promise
      held.wake()
    }
    await held.give()
  }

  const onError = options.onError ?? (() => {})
  const reader = createReader(world, { group, topics, from: options.from ?? 'beginning', hold, onError })
  await inTime(runtime.timers, JOINING, reader.joined, () => {})
  return reader.leave
}
