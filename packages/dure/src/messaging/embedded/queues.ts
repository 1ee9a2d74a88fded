import type { Message } from '../../contract/contract.ts'
import { topicOf } from '../../contract/internal.ts'
import type { Runtime, Timer } from '../../runtime/runtime.ts'
import { subscriptionOf, UNBOUNDED, type GroupLag, type Subscription } from '../adapter.ts'
import { BROKER_NUMBERS, checkMessages, checkName, checkOptions } from '../limits.ts'
import type { Queues, ReceiveOptions } from '../queues.ts'
import { backoff } from '../../runtime/internal.ts'
import type { Commits } from './commits.ts'
import type { BrokerFile } from './file.ts'
import { messageFrom, messageParameters, MESSAGE_COLUMNS, MESSAGE_PLACES, ownCopy, weightOf } from './rows.ts'

/** The queues of one broker: made by whoever names them first, filled, emptied by competing receivers. */
export type EmbeddedQueues = Pick<Queues, 'send' | 'receive'> & {
  /** Messages on each queue that nobody has acknowledged. */
  readonly lag: () => readonly GroupLag[]
  readonly stop: () => Promise<void>
}

type Receiver = { readonly options: ReceiveOptions; inHand: number; leaving: boolean; idle: (() => void) | undefined }
type Taken = { readonly seq: number; readonly message: Message }

/**
 * One queue. What is on it stands in the file until it is acknowledged; who has it in hand is known in memory only, because
 * all of that is over when this process ends.
 */
type Queue = {
  readonly id: number
  readonly name: string
  size: number
  readonly receivers: Receiver[]
  /** All up to this one were handed out once. */
  last: number
  /** Those that are to be handed out once more, and those that wait for it. */
  again: number[]
  readonly pauses: Map<number, Timer>
  readonly failures: Map<number, number>
  inHand: number
  /** UTF-16 units of data in hand. */
  bytes: number
  turn: number
}

const RETRY = { first: 50, max: 10_000 }
/** UTF-16 units of data of one queue that are in hand at once, about; one message always is. */
const LARGEST = 16 * 1024 * 1024
/** Messages that wait to be handed out once more: with so many nothing new is taken. */
const MOST_PAUSES = 1_000

export function createQueues(options: { file: BrokerFile; commits: Commits; runtime: Runtime }): EmbeddedQueues {
  const { file, commits, runtime } = options
  const { db } = file
  const sql = {
    insert: db.prepare(`INSERT INTO work (queue, delay, ${MESSAGE_COLUMNS}) VALUES (?, ?, ${MESSAGE_PLACES})`),
    after: db.prepare(`SELECT seq, delay, ${MESSAGE_COLUMNS} FROM work WHERE queue = ? AND seq > ? ORDER BY seq LIMIT ?`),
    one: db.prepare(`SELECT seq, delay, ${MESSAGE_COLUMNS} FROM work WHERE seq = ?`),
    size: db.prepare('SELECT count(*) AS n FROM work WHERE queue = ?'),
    done: db.prepare('DELETE FROM work WHERE seq = ?'),
  }
  const queues = new Map<string, Queue>()
  const making = new Map<string, Promise<Queue>>()
  const subscriptions = new Set<Subscription>()

  const open = (id: number, name: string): Queue => {
    const state = { last: 0, again: [], pauses: new Map(), failures: new Map(), inHand: 0, bytes: 0, turn: 0 }
    const queue: Queue = { id, name, size: Number(sql.size.get(id)?.['n'] ?? 0), receivers: [], ...state }
    queues.set(name, queue)
    return queue
  }
  for (const row of db.prepare('SELECT id, name FROM queues').all()) open(Number(row['id']), String(row['name']))

  const make = async (name: string): Promise<Queue> => {
    let id = 0
    const insert = db.prepare('INSERT INTO queues (name) VALUES (?)')
    await commits.add({ write: () => void (id = Number(insert.run(name).lastInsertRowid)) })
    return open(id, name)
  }

  /** Two who name a queue at once get the same one. */
  const need = async (name: string): Promise<Queue> => {
    const known = queues.get(name) ?? making.get(name)
    if (known !== undefined) return known
    checkName('queue', name)
    const made = make(name).finally(() => making.delete(name))
    making.set(name, made)
    return made
  }

  /** Takes what is next, as much as there are hands and room for. */
  const take = (queue: Queue, hands: number): Taken[] => {
    const taken: Taken[] = []
    const fits = (row: Record<string, unknown>): boolean => {
      const size = String(row['data']).length
      if (queue.inHand > 0 && queue.bytes + size > LARGEST) return false
      queue.inHand++
      queue.bytes += size
      taken.push({ seq: Number(row['seq']), message: messageFrom(row, queue.name) })
      return true
    }
    while (taken.length < hands && queue.again.length > 0) {
      const row = sql.one.get(queue.again[0]!)
      if (row !== undefined && !fits(row)) return taken
      queue.again.shift()
    }
    if (taken.length === hands || queue.pauses.size >= MOST_PAUSES) return taken
    for (const row of sql.after.iterate(queue.id, queue.last, hands - taken.length)) {
      if (!fits(row)) break
      queue.last = Number(row['seq'])
    }
    return taken
  }

  const wake = (queue: Queue): void => {
    const hands = queue.receivers.reduce((sum, receiver) => sum + free(receiver), 0)
    if (hands === 0) return
    // Receivers take turns, so that one with many hands does not get everything.
    for (const work of take(queue, hands)) {
      while (free(queue.receivers[queue.turn % queue.receivers.length]!) === 0) queue.turn++
      void handle(queue, queue.receivers[queue.turn++ % queue.receivers.length]!, work)
    }
  }

  const handle = async (queue: Queue, receiver: Receiver, { seq, message }: Taken): Promise<void> => {
    receiver.inHand++
    try {
      await receiver.options.handle(message)
      // What is not written yet when the power goes comes again.
      await commits.add({ write: () => void sql.done.run(seq), committed: () => void queue.size--, relaxed: true })
      queue.failures.delete(seq)
    } catch (error) {
      receiver.options.onError?.(error)
      comeAgain(queue, seq)
    } finally {
      queue.inHand--
      queue.bytes -= message.data.length
      if (--receiver.inHand === 0) receiver.idle?.()
      wake(queue)
    }
  }

  const comeAgain = (queue: Queue, seq: number): void => {
    const failed = (queue.failures.get(seq) ?? 0) + 1
    queue.failures.set(seq, failed)
    const back = (): void => {
      queue.pauses.delete(seq)
      queue.again.push(seq)
      wake(queue)
    }
    queue.pauses.set(seq, runtime.timers.after(backoff(RETRY, failed, runtime.random), back))
  }

  return {
    send: async (given) => {
      if (given.length === 0) return
      checkMessages(given)
      const messages: { readonly queue: Queue; readonly message: Message }[] = []
      for (const message of given) messages.push({ queue: await need(topicOf(message)), message: ownCopy(message) })
      await commits.add({
        weight: weightOf(given),
        write: () => {
          for (const { queue, message } of messages)
            sql.insert.run(queue.id, Math.ceil(message.delay ?? 0), ...messageParameters(message))
        },
        committed: () => {
          for (const { queue } of messages) queue.size++
          for (const queue of new Set(messages.map((one) => one.queue))) wake(queue)
        },
      })
    },
    receive: async (request) => {
      checkOptions(`receive from queue "${request.queue}"`, request, BROKER_NUMBERS.receive)
      const queue = await need(request.queue)
      const receiver: Receiver = { options: request, inHand: 0, leaving: false, idle: undefined }
      queue.receivers.push(receiver)
      const subscription = subscriptionOf(runtime.timers, async () => {
        receiver.leaving = true
        if (receiver.inHand > 0) await new Promise<void>((resolve) => void (receiver.idle = resolve))
        queue.receivers.splice(queue.receivers.indexOf(receiver), 1)
        subscriptions.delete(subscription)
      })
      subscriptions.add(subscription)
      wake(queue)
      return subscription
    },
    lag: () =>
      [...queues.values()].map(({ name, size, receivers }) => {
        return { group: 'queue', topic: name, partition: 0, lag: size, members: receivers.length }
      }),
    stop: async () => {
      await Promise.all([...subscriptions].map((subscription) => subscription.stop(UNBOUNDED)))
      for (const { pauses } of queues.values()) for (const timer of pauses.values()) timer.cancel()
    },
  }
}

function free({ options, inHand, leaving }: Receiver): number {
  return leaving ? 0 : Math.max(0, (options.concurrency ?? 16) - inHand)
}
