import type { Delivery } from 'dure/messaging'
import { backoff, fitting } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { Chunk } from './chunks.ts'
import type { Link, Reading } from './link.ts'
import { deliveriesOf, type RabbitTopics } from './topics.ts'

/** What has come of a partition and was not taken yet, in order. */
export type Reader = {
  /** Begins at an offset, or at the first that there is. */
  readonly open: (from: number) => Promise<void>
  /** The first messages, at most `limit` and a bound of bytes; one at least where there is one. */
  readonly first: (limit: number) => readonly Delivery[]
  /** So many of the first have been taken. Answers the offset behind them. */
  readonly taken: (count: number) => number
  readonly end: () => void
}

/** Bytes that are in hand of all partitions, about. */
export type Budget = { used: number }

/** Bytes that one partition has in hand, about; with more than that of all, each gets one chunk at a time. */
const [MOST_BYTES, MOST_OF_ALL] = [1024 * 1024, 64 * 1024 * 1024]
const RETRY = { first: 50, max: 5_000 }

type Held = { readonly delivery: Delivery; readonly size: number; readonly next: number }

export function createReader(options: {
  readonly link: Link
  readonly topics: RabbitTopics
  readonly runtime: Runtime
  readonly log: Logger
  readonly budget: Budget
  readonly topic: string
  readonly group: string
  readonly partition: number
  readonly came: () => void
  readonly failed: (error: unknown) => void
}): Reader {
  const { link, topics, runtime, log, budget, topic, group, partition } = options
  const place = { topic, group, partition }
  let held: Held[] = []
  let heldBytes = 0
  /** The offset that comes next from the server. */
  let next = 0
  let reading: Reading | undefined
  /** Chunks that the server may still send. */
  let credit = 0
  /** Which of several openings it is; of the others nothing is taken. */
  let turn = 0
  let isOver = false

  const ask = (): void => {
    if (isOver || reading === undefined || credit > 0 || heldBytes >= MOST_BYTES) return
    if (budget.used > MOST_OF_ALL && held.length > 0) return
    credit++
    reading.more(1)
  }

  const came = (chunk: Chunk): void => {
    credit--
    const oldest = topics.oldest(topic)
    let expired = 0
    for (const delivery of deliveriesOf(topic, partition, chunk)) {
      const offset = Number(delivery.position)
      if (offset < next) continue
      next = offset + 1
      // The server throws away whole segments, much later; what is past its time comes to nobody even so.
      if (chunk.time < oldest) expired++
      else {
        const size = delivery.message.data.length + 512
        held.push({ delivery, size, next })
        heldBytes += size
        budget.used += size
      }
    }
    if (expired > 0) log.warn('Retention took messages that a group had not read', { ...place, unread: expired })
    if (held.length > 0) options.came()
    ask()
  }

  const subscribe = async (): Promise<void> => {
    const mine = ++turn
    const isMine = (): boolean => mine === turn && !isOver
    reading = undefined
    const stream = topics.streamOf(topic, partition)
    const { first, end } = await topics.extent(topic, partition)
    if (!isMine()) return
    if (next > end) {
      log.warn(
        'A partition has fewer messages than its group has read, so it was made anew: it is read from its beginning',
        place,
      )
      next = first
    } else if (next < first) {
      log.warn('Retention took messages that a group had not read', { ...place, unread: first - next })
      next = first
    }
    credit = 1
    const opened = await link.read({
      ...{ stream, start: { offset: next }, credit },
      came: (chunk, own) => {
        if (!isMine()) return
        reading = own
        came(chunk)
      },
      ended: (why) => {
        if (!isMine()) return
        options.failed(new Error(`Partition ${partition} of topic "${topic}" came to an end: ${why}`))
        void again()
      },
    })
    if (!isMine()) return opened.end()
    reading = opened
    ask()
  }
  const again = async (): Promise<void> => {
    for (let failures = 1; !isOver && link.isConnected(); failures++) {
      await runtime.timers.sleep(backoff(RETRY, failures, runtime.random))
      try {
        return await subscribe()
      } catch (error) {
        options.failed(error)
      }
    }
  }
  let unlisten: (() => void) | undefined

  return {
    open: async (from) => {
      next = from
      await subscribe()
      unlisten ??= link.onReconnect(() => void again())
    },
    first: (limit) => fitting(held, { count: limit, size: MOST_BYTES }, ({ size }) => size).map(({ delivery }) => delivery),
    taken: (count) => {
      const done = held.slice(0, count)
      held = held.slice(count)
      const size = done.reduce((sum, one) => sum + one.size, 0)
      heldBytes -= size
      budget.used -= size
      ask()
      return done.at(-1)!.next
    },
    end: () => {
      isOver = true
      unlisten?.()
      reading?.end()
      budget.used -= heldBytes
      ;[held, heldBytes] = [[], 0]
    },
  }
}
