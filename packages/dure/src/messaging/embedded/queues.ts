import type { DatabaseSync } from 'node:sqlite'
import type { Message } from '../../contract/contract.ts'
import { topicOf } from '../../contract/internal.ts'
import type { Runtime, Timer } from '../../runtime/runtime.ts'
import { subscriptionOf, UNBOUNDED, type GroupLag, type Subscription } from '../broker-adapter.ts'
import { BROKER_NUMBERS, checkMessages, checkName, checkOptions } from '../limits.ts'
import type { Queues, ReceiveOptions } from '../queues.ts'
import { backoff } from '../../runtime/internal.ts'
import type { Commits } from './commits.ts'
import type { BrokerFile } from './file.ts'
import {
  messageFrom,
  messageParameters,
  MESSAGE_COLUMNS,
  MESSAGE_PLACES,
  ownCopy,
  selectMessages,
  weightOf,
  type MessageRow,
} from './rows.ts'

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
  /** So many have come. */
  readonly arrived: (count: number) => void
  readonly receive: (options: ReceiveOptions) => Subscription
  readonly lag: () => GroupLag
  readonly stop: () => Promise<void>
}

type Statements = ReturnType<typeof statementsOf>

const RETRY = { first: 50, max: 10_000 }
/** UTF-16 units of data of one queue that are in hand at once, about; one message always is. */
const LARGEST = 16 * 1024 * 1024
/** Messages that wait to be handed out once more: with so many nothing new is taken. */
const MOST_PAUSES = 1_000

export function createQueues(options: { file: BrokerFile; commits: Commits; runtime: Runtime }): EmbeddedQueues {
  const { file, commits } = options
  const { db } = file
  const sql = statementsOf(db)
  const queues = new Map<string, Queue>()
  const making = new Map<string, Promise<Queue>>()

  const open = (id: number, name: string): Queue => {
    const queue = createQueue({ ...options, sql, id, name })
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
        committed: () => Map.groupBy(messages, ({ queue }) => queue).forEach(({ length }, queue) => queue.arrived(length)),
      })
    },
    receive: async (request) => {
      checkOptions(`receive from queue "${request.queue}"`, request, BROKER_NUMBERS.receive)
      return (await need(request.queue)).receive(request)
    },
    lag: () => [...queues.values()].map((queue) => queue.lag()),
    stop: async () => void (await Promise.all([...queues.values()].map((queue) => queue.stop()))),
  }
}

function statementsOf(db: DatabaseSync) {
  return {
    insert: db.prepare(`INSERT INTO work (queue, delay, ${MESSAGE_COLUMNS}) VALUES (?, ?, ${MESSAGE_PLACES})`),
    after: selectMessages(db, `SELECT seq, delay, ${MESSAGE_COLUMNS} FROM work WHERE queue = ? AND seq > ? ORDER BY seq LIMIT ?`),
    one: selectMessages(db, `SELECT seq, delay, ${MESSAGE_COLUMNS} FROM work WHERE seq = ?`),
    size: db.prepare('SELECT count(*) AS n FROM work WHERE queue = ?'),
    done: db.prepare('DELETE FROM work WHERE seq = ?'),
  }
}

function createQueue(options: { commits: Commits; runtime: Runtime; sql: Statements; id: number; name: string }): Queue {
  const { commits, runtime, sql, id, name } = options
  const receivers: Receiver[] = []
  const subscriptions = new Set<Subscription>()
  let size = Number(sql.size.get(id)?.['n'] ?? 0)
  /** All up to this one were handed out once. */
  let last = 0
  /** Those that are to be handed out once more, and those that wait for it. */
  const again: number[] = []
  const pauses = new Map<number, Timer>()
  const failures = new Map<number, number>()
  let inHand = 0
  /** UTF-16 units of data in hand. */
  let inHandSize = 0
  let turn = 0

  /** Takes what is next, as much as there are hands and room for. */
  const take = (hands: number): Taken[] => {
    const taken: Taken[] = []
    const fits = (row: MessageRow): boolean => {
      const message = messageFrom(row, name)
      const own = message.data.length
      if (inHand > 0 && inHandSize + own > LARGEST) return false
      inHand++
      inHandSize += own
      taken.push({ seq: row[0], message })
      return true
    }
    while (taken.length < hands && again.length > 0) {
      const row = sql.one.get(again[0]!)
      if (row !== undefined && !fits(row)) return taken
      again.shift()
    }
    if (taken.length === hands || pauses.size >= MOST_PAUSES) return taken
    for (const row of sql.after.iterate(id, last, hands - taken.length)) {
      if (!fits(row)) break
      last = row[0]
    }
    return taken
  }

  const wake = (): void => {
    const hands = receivers.reduce((sum, receiver) => sum + free(receiver), 0)
    if (hands === 0) return
    // Receivers take turns, so that one with many hands does not get everything.
    for (const work of take(hands)) {
      while (free(receivers[turn % receivers.length]!) === 0) turn++
      void handle(receivers[turn++ % receivers.length]!, work)
    }
  }

  const handle = async (receiver: Receiver, { seq, message }: Taken): Promise<void> => {
    receiver.inHand++
    try {
      await receiver.options.handle(message)
      // What is not written yet when the power goes comes again.
      await commits.add({ write: () => void sql.done.run(seq), committed: () => void size--, relaxed: true })
      failures.delete(seq)
    } catch (error) {
      receiver.options.onError?.(error)
      comeAgain(seq)
    } finally {
      inHand--
      inHandSize -= message.data.length
      if (--receiver.inHand === 0) receiver.idle?.()
      wake()
    }
  }

  const comeAgain = (seq: number): void => {
    const failed = (failures.get(seq) ?? 0) + 1
    failures.set(seq, failed)
    const back = (): void => {
      pauses.delete(seq)
      again.push(seq)
      wake()
    }
    pauses.set(seq, runtime.timers.after(backoff(RETRY, failed, runtime.random), back))
  }

  return {
    id,
    arrived: (count) => {
      size += count
      wake()
    },
    receive: (request) => {
      const receiver: Receiver = { options: request, inHand: 0, leaving: false, idle: undefined }
      receivers.push(receiver)
      const subscription = subscriptionOf(runtime.timers, async () => {
        receiver.leaving = true
        if (receiver.inHand > 0) await new Promise<void>((resolve) => void (receiver.idle = resolve))
        receivers.splice(receivers.indexOf(receiver), 1)
        subscriptions.delete(subscription)
      })
      subscriptions.add(subscription)
      wake()
      return subscription
    },
    lag: () => ({ group: 'queue', topic: name, partition: 0, lag: size, members: receivers.length }),
    stop: async () => {
      await Promise.all([...subscriptions].map((subscription) => subscription.stop(UNBOUNDED)))
      for (const timer of pauses.values()) timer.cancel()
    },
  }
}

function free({ options, inHand, leaving }: Receiver): number {
  return leaving ? 0 : Math.max(0, (options.concurrency ?? 16) - inHand)
}
