import { JetStreamApiError } from '@nats-io/jetstream'
import { errors, nuid } from '@nats-io/nats-core'
import { CallError, type Message } from 'dure/contract'
import { checkMessages, partitionOf, publishInKeyOrder, topicOf } from 'dure/messaging/adapter'
import { acknowledged, type Link } from './connection.ts'
import { outgoing, withHeaders, type Outgoing } from './messages.ts'
import type { Topic } from './streams.ts'

/** Publishes lists of messages, each to the stream of its topic. */
export type Publisher = {
  readonly publish: (messages: readonly Message[]) => Promise<void>
}

/** One call's messages of one topic. */
type List = { readonly messages: readonly Outgoing[]; readonly resolve: () => void; readonly reject: (error: unknown) => void }
type Outlet = { readonly topic: Topic; waiting: List[]; isBusy: boolean }

/** So many messages, and bytes of them, go as one batch at most: the server takes 1000. */
const [MOST, MOST_BYTES] = [1_000, 4 * 1024 * 1024]
/** From so many on one batch, written to the disk as one, is faster than each by itself. */
const FEW = 32
/** Bytes that may wait for the server, of all topics. */
const MOST_WAITING = 64 * 1024 * 1024

/**
 * One batch of a topic is under way at a time, and what comes meanwhile goes with the next. The server takes a batch as a
 * whole or not at all, with one write to its disk; a few messages go by themselves, each when the one of its key before it was
 * taken. So a list that fails leaves of each key a first part.
 */
export function createPublisher(options: {
  link: Link
  open: (name: string) => Promise<Topic>
  forget: (topic: Topic) => void
}): Publisher {
  const { link, open, forget } = options
  const outlets = new Map<string, Outlet>()
  let waitingBytes = 0

  const publishOne = async ({ subject, data, ...one }: Outgoing): Promise<void> =>
    void acknowledged(await link.ask(subject, data, withHeaders({ subject, data, ...one })))

  const publishBatch = async (batch: readonly Outgoing[]): Promise<void> => {
    const id = nuid.next()
    const headersAt = (at: number, commit = ''): string => `Nats-Batch-Id: ${id}\r\nNats-Batch-Sequence: ${at + 1}\r\n${commit}`
    const last = batch.length - 1
    // In one turn: they go out together, and nothing comes between.
    for (let at = 0; at < last; at++) {
      const one = batch[at]!
      link.nc.publish(one.subject, one.data, { headers: withHeaders(one, headersAt(at)) as never })
    }
    const one = batch[last]!
    acknowledged(await link.ask(one.subject, one.data, withHeaders(one, headersAt(last, 'Nats-Batch-Commit: 1\r\n'))))
  }

  const inKeyOrder = async (topic: Topic, batch: readonly Outgoing[]): Promise<void> => {
    const byMessage = new Map(batch.map((one) => [one.message, one]))
    await publishInKeyOrder(
      batch.map(({ message }) => message),
      (message) => link.guard(`publish to topic "${topic.name}"`, () => publishOne(byMessage.get(message)!)),
    )
  }

  /** Whatever a single list holds, in as many batches as it needs; the next one only when the one before was taken. */
  const publishList = async (topic: Topic, list: readonly Outgoing[]): Promise<void> => {
    for (let from = 0; from < list.length;) {
      const batch = startOf(list, from)
      from += batch.length
      if (batch.length <= FEW) await inKeyOrder(topic, batch)
      else
        await publishBatch(batch).catch((error: unknown) => {
          // Each by itself, it is known which one was refused; and where too many publish at once, there is room for that.
          if (error instanceof JetStreamApiError) return inKeyOrder(topic, batch)
          throw error
        })
    }
  }

  const run = async (outlet: Outlet): Promise<void> => {
    outlet.isBusy = true
    while (outlet.waiting.length > 0) {
      const lists = fitting(outlet.waiting)
      outlet.waiting = outlet.waiting.slice(lists.length)
      const together = lists.flatMap(({ messages }) => messages)
      const outcome = await publishList(outlet.topic, together).then(
        () => undefined,
        (error: unknown) => ({ error }),
      )
      for (const list of lists) {
        waitingBytes -= bytesOf(list.messages)
        if (outcome === undefined) list.resolve()
        // A message that is refused is the trouble of its own list alone.
        else if (lists.length > 1 && isRefusal(outcome.error))
          await publishList(outlet.topic, list.messages).then(list.resolve, list.reject)
        else list.reject(outcome.error)
      }
      if (outcome !== undefined && isMissing(outcome.error)) forget(outlet.topic)
    }
    outlet.isBusy = false
  }

  const outletOf = async (name: string): Promise<Outlet> => {
    const topic = await open(name)
    const known = outlets.get(topic.stream)
    if (known !== undefined && known.topic === topic) return known
    const outlet: Outlet = { topic, waiting: [], isBusy: false }
    outlets.set(topic.stream, outlet)
    return outlet
  }

  /** Puts a call's messages where they go, each topic's by itself; none of them when one cannot be written. */
  const enter = async (messages: readonly Message[]): Promise<readonly Promise<void>[]> => {
    const lists: (readonly [Outlet, readonly Outgoing[]])[] = []
    for (const [name, list] of Map.groupBy(messages, topicOf)) {
      const outlet = await outletOf(name)
      const { subject, partitions } = outlet.topic
      lists.push([outlet, list.map((message) => outgoing(message, `${subject}.${partitionOf(message.key, partitions)}`))])
    }
    const size = lists.reduce((sum, [, list]) => sum + bytesOf(list), 0)
    if (waitingBytes > 0 && waitingBytes + size > MOST_WAITING)
      throw new CallError(
        'RESOURCE_EXHAUSTED',
        `Cannot publish ${messages.length} messages: ${waitingBytes} bytes wait for NATS already, and ${MOST_WAITING} are allowed; publish again when those were taken`,
      )
    waitingBytes += size
    return lists.map(([outlet, list]) => {
      const taken = Promise.withResolvers<void>()
      outlet.waiting.push({ messages: list, resolve: taken.resolve, reject: taken.reject })
      if (!outlet.isBusy) void run(outlet)
      return taken.promise
    })
  }

  let entering: Promise<unknown> = Promise.resolve()
  return {
    publish: async (messages) => {
      if (messages.length === 0) return
      checkMessages(messages)
      const copies = messages.map((message) => ({ ...message }))
      await link.guard('publish', async () => {
        // Whoever waits for a topic to be made is not overtaken by those who come later.
        const entered = entering.then(() => enter(copies))
        entering = entered.catch(() => {})
        const outcomes = await Promise.allSettled(await entered)
        for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
      })
    },
  }
}

const bytesOf = (list: readonly Outgoing[]): number => list.reduce((sum, { size }) => sum + size, 0)

/** The lists that fit into one batch; one at least. */
function fitting(lists: readonly List[]): readonly List[] {
  let [count, bytes] = [0, 0]
  const end = lists.findIndex(({ messages }, at) => {
    count += messages.length
    bytes += bytesOf(messages)
    return at > 0 && (count > MOST || bytes > MOST_BYTES)
  })
  return end < 0 ? lists : lists.slice(0, end)
}

function startOf(list: readonly Outgoing[], from: number): readonly Outgoing[] {
  let [to, bytes] = [from, 0]
  while (to < list.length && to - from < MOST && (to === from || bytes + list[to]!.size <= MOST_BYTES)) bytes += list[to++]!.size
  return list.slice(from, to)
}

function isRefusal(error: unknown): boolean {
  return error instanceof JetStreamApiError || (error instanceof CallError && error.code !== 'UNAVAILABLE')
}

function isMissing(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause) if (one instanceof errors.NoRespondersError) return true
  return false
}
