import type { Runtime } from '../../runtime/runtime.ts'
import { backoff } from '../../runtime/internal.ts'
import { isNewerMessage } from '../newer-message.ts'
import type { Assignment, Delivery, SubscribeOptions } from '../topics.ts'

/** A partition that is a member's in one epoch: what comes of it is handed over until it is given back or lost. */
export type HeldPartition = {
  /** Something has come, or may be its own again: looks. */
  readonly wake: () => void
  /** Gives it back: resolves when what was in hand has settled and its member has been told. */
  readonly give: () => Promise<void>
  /** It is another member's: the same, without a word. */
  readonly lose: () => Promise<void>
}

export type HeldPartitionOptions = {
  readonly assignment: Assignment
  readonly member: SubscribeOptions
  /** Before that nobody is told of it: what was in hand of the epoch before has settled. */
  readonly after?: Promise<unknown> | undefined
  /** Begins to read: behind this position, or where its group is. Rejected: it is asked again after a pause. */
  readonly open: (after: string | undefined) => Promise<void> | void
  /** What comes next, at most `limit` messages; empty when there is nothing. The same until it is `taken`. */
  readonly next: (limit: number) => readonly Delivery[]
  /** This batch was taken: the next one begins after it. */
  readonly taken: (batch: readonly Delivery[]) => void
  /** Whether it is certain that no other member has it. Default: until it is lost. */
  readonly isMine?: () => boolean
  /** Its member does not know what comes next, and another may: it is to be given there, where there is one. */
  readonly refused: () => Promise<void> | void
}

const RETRY = { first: 50, max: 10_000 }

/**
 * Hands a partition to the member that has it in this epoch: tells it, delivers one batch at a time, each again after a pause
 * until it was taken, and tells it when the partition is to go.
 *
 * @example
 * ```ts
 * import { holdPartition } from 'dure/messaging/adapter'
 * import type { Delivery } from 'dure/messaging'
 * import { realRuntime } from 'dure/runtime'
 *
 * const message = {
 *   ...{ id: '1', source: 'shop', type: 'orders', key: 'o1', time: 0, schemaVersion: 1, correlationId: 'c' },
 *   ...{ causationId: undefined, traceparent: undefined, data: '{}' },
 * }
 * const read: Delivery[] = [{ message, partition: 0, position: '0' }]
 * const done = Promise.withResolvers<void>()
 * const held = holdPartition(realRuntime(), {
 *   assignment: { topic: 'orders', partition: 0, epoch: 1, broker: 'mine' },
 *   member: { group: 'billing', topics: ['orders'], deliver: async (batch) => console.log(batch.length) }, // → 1
 *   open: () => {},
 *   next: (limit) => read.slice(0, limit),
 *   taken: (batch) => {
 *     read.splice(0, batch.length)
 *     done.resolve()
 *   },
 *   refused: () => {},
 * })
 * await done.promise
 * await held.give()
 * ```
 */
export function holdPartition({ timers, random }: Runtime, options: HeldPartitionOptions): HeldPartition {
  const { assignment, member, next, taken, isMine = () => true } = options
  const place = { topic: assignment.topic, partition: assignment.partition }
  const ending = new AbortController()
  const { signal } = ending
  let lost = false
  let news = Promise.withResolvers<void>()
  const wake = (): void => {
    news.resolve()
    news = Promise.withResolvers()
  }
  const failed = (error: unknown): void => void (lost || member.onError?.(error))
  const pause = (failures: number): Promise<void> => timers.sleep(backoff(RETRY, failures, random), signal)

  const assign = async (): Promise<boolean> => {
    for (let failures = 1; !signal.aborted; failures++)
      try {
        const answer = await member.assigned?.(assignment)
        await options.open(answer?.after)
        return true
      } catch (error) {
        failed(error)
        await pause(failures)
      }
    return false
  }

  const deliver = async (): Promise<void> => {
    for (let failures = 0; !signal.aborted;) {
      const came = news.promise
      try {
        const batch = isMine() ? next(member.batch ?? 256) : []
        if (batch.length === 0) {
          await came
          continue
        }
        await member.deliver(batch, place)
        if (!lost) taken(batch)
        failures = 0
        // A long backlog must not keep the event loop from everybody else.
        await new Promise<void>((resolve) => timers.soon(resolve))
      } catch (error) {
        failed(error)
        await pause(++failures)
        if (isNewerMessage(error) && !signal.aborted) await options.refused()
      }
    }
  }

  const life = async (): Promise<void> => {
    await options.after
    if (!(await assign())) return
    await deliver()
    try {
      if (!lost) await member.revoked?.(place)
    } catch (error) {
      // Who cannot even be told has lost it.
      failed(error)
    }
  }
  const ended = life()
  const end = (): Promise<void> => {
    ending.abort()
    wake()
    return ended
  }

  return {
    wake,
    give: end,
    lose: () => {
      lost = true
      return end()
    },
  }
}
