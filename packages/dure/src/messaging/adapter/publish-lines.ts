import { CallError, type Message } from '../../contract/contract.ts'
import { fitting } from '../fitting.ts'

/** Sends messages to the topics (or queues) of a server. */
export type PublishLines = {
  readonly publish: (topic: string, messages: readonly Message[]) => Promise<void>
  /** Resolves when nothing is under way any more. */
  readonly idle: () => Promise<void>
}

export type PublishLinesOptions = {
  /** The server, for the words of a refusal. */
  readonly server: string
  /** UTF-16 units of data that may wait, of all topics. */
  readonly most: number
  /** Messages, and UTF-16 units of their data, that go at once, unless one has more. */
  readonly batch: { readonly count: number; readonly size: number }
  /** Gives messages to the server, in order. Resolved: they are durable. Rejected: of each key a first part may be there. */
  readonly take: (topic: string, messages: readonly Message[]) => Promise<void>
  /** Whether a failure is of one message, so that what others published with it goes without it. Default: any but UNAVAILABLE. */
  readonly isRefusal?: (error: unknown) => boolean
}

type List = { readonly messages: readonly Message[]; readonly done: PromiseWithResolvers<void> }

/**
 * One request is under way to each topic, and what is published meanwhile goes with the next one: so nothing overtakes anything,
 * and a disk that writes slowly writes more at once.
 *
 * @example
 * ```ts
 * import { createPublishLines } from 'dure/messaging/adapter'
 *
 * const { publish } = createPublishLines({
 *   ...{ server: 'My server', most: 64 * 1024 * 1024, batch: { count: 1_000, size: 1024 * 1024 } },
 *   take: async (topic, messages) => console.log(topic, messages.length), // → orders 2
 * })
 * const message = {
 *   ...{ id: '1', source: 'shop', type: 'order.placed', key: 'o1', time: 0, schemaVersion: 1, correlationId: 'c' },
 *   ...{ causationId: undefined, traceparent: undefined, data: '{}' },
 * }
 * await publish('orders', [message, { ...message, id: '2' }])
 * ```
 */
export function createPublishLines(options: PublishLinesOptions): PublishLines {
  const { server, most, batch, take, isRefusal = isNoOutage } = options
  const lines = new Map<string, List[]>()
  const running = new Set<Promise<void>>()
  let waiting = 0

  /** In as many requests as it needs; the next one only when the one before was taken. */
  const takeAll = async (topic: string, messages: readonly Message[]): Promise<void> => {
    for (let left = messages; left.length > 0;) {
      const now = fitting(left, batch, ({ data }) => data.length)
      left = left.slice(now.length)
      await take(topic, now)
    }
  }

  /** Lists that go together whole; one at least. */
  const nextOf = (line: List[]): readonly List[] => {
    let count = 0
    const over = line.findIndex(({ messages }, at) => (count += messages.length) > batch.count && at > 0)
    const few = over < 0 ? line : line.slice(0, over)
    return line.splice(0, fitting(few, { ...batch, count: few.length }, ({ messages }) => sizeOf(messages)).length)
  }

  const run = async (topic: string, line: List[]): Promise<void> => {
    // What is published in one turn goes together.
    await Promise.resolve()
    while (line.length > 0) {
      const lists = nextOf(line)
      const together = lists.flatMap(({ messages }) => messages)
      try {
        await takeAll(topic, together)
        for (const { done } of lists) done.resolve()
      } catch (error) {
        // A message that is refused is the trouble of its own list alone.
        const alone = lists.length > 1 && isRefusal(error)
        for (const { messages, done } of lists) {
          if (alone) await takeAll(topic, messages).then(done.resolve, done.reject)
          else done.reject(error)
        }
      }
    }
    lines.delete(topic)
  }

  return {
    publish: async (topic, messages) => {
      const size = sizeOf(messages)
      if (waiting > 0 && waiting + size > most)
        throw new CallError(
          'RESOURCE_EXHAUSTED',
          `Cannot publish ${messages.length} messages to "${topic}": ${waiting} characters wait for ${server} already, and ${most} may; publish again when those were taken`,
        )
      waiting += size
      const list: List = { messages, done: Promise.withResolvers() }
      const line = lines.get(topic)
      if (line !== undefined) line.push(list)
      else {
        const begun = [list]
        lines.set(topic, begun)
        const under = run(topic, begun).finally(() => running.delete(under))
        running.add(under)
      }
      try {
        await list.done.promise
      } finally {
        waiting -= size
      }
    },
    idle: async () => void (await Promise.all(running)),
  }
}

const isNoOutage = (error: unknown): boolean => error instanceof CallError && error.code !== 'UNAVAILABLE'

const sizeOf = (messages: readonly Message[]): number => messages.reduce((sum, { data }) => sum + data.length, 0)
