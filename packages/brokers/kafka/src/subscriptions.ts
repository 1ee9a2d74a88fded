import { CallError } from 'dure/contract'
import { backoff, inTime, isNewerMessage } from 'dure/messaging/adapter'
import type { Delivery, SubscribeOptions } from 'dure/messaging'
import type { Holding } from './holding.ts'
import { firstOf, moveTo, take } from './holding.ts'
import { createReader, type Reader } from './reader.ts'
import type { ReaderWorld } from './world.ts'

const RETRY = { first: 50, max: 10_000 }
/** Milliseconds before a partition is given to another member because of a newer message. */
const PASS_ON = { first: 1_000, max: 10_000 }
/** Milliseconds that joining is waited for: a group that is made anew may take seconds, and nobody waits for it. */
const JOINING = 1_000

/** Joins a group as one who subscribes: batches of one partition, in order. Answers what leaves it. */
export async function subscribeAs(
  world: ReaderWorld,
  { group, topics, options }: { readonly group: string; readonly topics: readonly string[]; readonly options: SubscribeOptions },
): Promise<() => Promise<void>> {
  const { runtime, nameOf } = world
  const { timers, random } = runtime
  const onError = options.onError ?? (() => {})

  const hold = async (holding: Holding, reader: Reader): Promise<void> => {
    const place = { topic: nameOf(holding.topic), partition: holding.partition }
    const { signal } = holding.ending
    const pause = (failed: number): Promise<void> => timers.sleep(backoff(RETRY, failed, random), signal)

    const assign = async (): Promise<boolean> => {
      for (let failed = 1; !signal.aborted; failed++)
        try {
          const { epoch, broker } = holding.note
          const answer = await options.assigned?.({ ...place, epoch, broker })
          moveTo(holding, answer === undefined ? holding.done : offsetAfter(answer.after))
          return true
        } catch (error) {
          onError(error)
          await pause(failed)
        }
      return false
    }

    const deliver = async (): Promise<void> => {
      let batch: readonly Delivery[] = []
      for (let failed = 0; !signal.aborted;) {
        if (batch.length === 0) batch = firstOf(holding.waiting, options.batch ?? 256)
        if (batch.length === 0) await holding.news.promise
        else
          try {
            await options.deliver(batch, place)
            take(holding, batch.length)
            reader.settle(holding)
            batch = []
            failed = 0
            // A long backlog must not keep the event loop from everybody else.
            await new Promise<void>((resolve) => timers.soon(resolve))
          } catch (error) {
            onError(error)
            if (isNewerMessage(error))
              return timers.sleep(backoff(PASS_ON, ++failed, random), signal).then(() => reader.refuse(holding))
            await pause(++failed)
          }
      }
    }

    if (!(await assign())) return
    reader.wake()
    await deliver()
    if (!holding.lost) await Promise.resolve(options.revoked?.(place)).catch(onError)
  }

  const reader = createReader(world, { group, topics, from: options.from ?? 'beginning', hold, onError })
  await inTime(timers, JOINING, reader.joined, () => {})
  return reader.leave
}

/** @throws {CallError} OUT_OF_RANGE when it is no position of Kafka's */
export function offsetAfter(position: string): number {
  if (/^\d{1,16}$/.test(position)) return Number(position) + 1
  throw new CallError(
    'OUT_OF_RANGE',
    `Cannot read after position "${position.slice(0, 40)}": on Kafka it is an offset, as a delivery says it`,
  )
}
