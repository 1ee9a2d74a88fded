import { CallError } from '../../contract/contract.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { subscriptionOf, UNBOUNDED } from '../broker.ts'
import type { Broker, DeadWork, GroupLag, QueueOptions, ReceiveOptions, Subscription } from '../broker.ts'
import { BROKER_NUMBERS, checkData, checkMessages, checkName, checkOptions } from '../limits.ts'
import type { Commits } from './commits.ts'
import type { BrokerFile } from './file.ts'
import { messageParameters, ownCopy, weightOf } from './rows.ts'
import { createWorkList, type WorkList } from './work.ts'

/** The queues of one broker: made, filled, emptied by competing receivers. */
export type Queues = Pick<Broker, 'declareQueue' | 'send' | 'receive' | 'dead'> & {
  /** Messages on each queue that are neither done nor dead. */
  readonly lag: () => readonly GroupLag[]
  readonly stop: () => Promise<void>
}

const DEFAULTS: Required<QueueOptions> = { lease: 30_000, attempts: 10 }

export function createQueues(options: {
  file: BrokerFile
  commits: Commits
  runtime: Runtime
  /** What decides when work is due: no jump of the wall clock moves it. */
  time: () => number
}): Queues {
  const { file, commits, runtime, time } = options
  const { db } = file
  const lists = new Map<string, WorkList>()
  const declaring = new Map<string, Promise<WorkList>>()
  const subscriptions = new Set<Subscription>()

  // Whoever held a lease is gone: this process has just taken the file over.
  db.prepare('UPDATE work SET leased = 0, visible_at = 0 WHERE leased = 1').run()
  // The wall clock may have been set back since it was written down when work is due: nothing waits longer than its delay.
  const due = db.prepare(
    'UPDATE work SET visible_at = ? + delay WHERE queue = ? AND dead = 0 AND visible_at > ? + delay AND visible_at > ?',
  )
  for (const row of db.prepare('SELECT * FROM queues').all()) {
    const name = String(row['name'])
    const settings = { lease: Number(row['lease']), attempts: Number(row['attempts']) }
    const id = Number(row['id'])
    const now = Math.floor(time())
    due.run(now, id, now, now)
    lists.set(name, createWorkList({ file, commits, runtime, time, id, name, settings }))
  }

  const create = async (name: string, settings: Required<QueueOptions>): Promise<WorkList> => {
    let id = 0
    await commits.add({
      write: () => {
        const insert = db.prepare('INSERT INTO queues (name, lease, attempts) VALUES (?, ?, ?)')
        id = Number(insert.run(name, settings.lease, settings.attempts).lastInsertRowid)
      },
    })
    const list = createWorkList({ file, commits, runtime, time, id, name, settings })
    lists.set(name, list)
    return list
  }

  const declare = async (name: string, wish?: QueueOptions): Promise<WorkList> => {
    checkName('queue', name)
    const settings = { ...DEFAULTS, ...wish }
    checkOptions(`declare queue "${name}"`, settings, BROKER_NUMBERS.queue)
    const known = lists.get(name) ?? declaring.get(name)
    if (known) {
      const list = await known
      if (wish) await list.change({ ...list.settings(), ...wish })
      return list
    }
    const made = create(name, settings).finally(() => declaring.delete(name))
    declaring.set(name, made)
    return made
  }

  const need = (name: string): WorkList => {
    const list = lists.get(name)
    if (list) return list
    throw new CallError('NOT_FOUND', `Cannot find queue "${name}": nobody has declared it or sent to it`)
  }

  const insert = db.prepare(
    `INSERT INTO work (queue, visible_at, delay, id, source, key, time, schema_version, correlation_id, causation_id, traceparent, data)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )

  const send: Queues['send'] = async (given) => {
    if (given.length === 0) return
    checkMessages(given)
    for (const { type } of given) if (!lists.has(type)) await declare(type)
    const messages = given.map((message) => ({
      message: ownCopy(message),
      delay: Math.max(0, Math.ceil(message.delay ?? 0)),
      list: lists.get(message.type)!,
    }))
    await commits.add({
      weight: weightOf(given),
      write: () => {
        const now = time()
        for (const { message, delay, list } of messages) {
          // What is due at once is due by the time that has passed; what is delayed, not a moment too early.
          const at = delay === 0 ? Math.floor(now) : Math.ceil(now + delay)
          insert.run(list.id, at, delay, ...messageParameters(message))
        }
      },
      committed: () => {
        for (const { list } of messages) list.grew(1)
        for (const list of new Set(messages.map((entry) => entry.list))) list.wake()
      },
    })
  }

  const receive = async (wish: ReceiveOptions): Promise<Subscription> => {
    checkOptions(`receive from queue "${wish.queue}"`, wish, BROKER_NUMBERS.receive)
    const list = await declare(wish.queue)
    const receiver = list.join(wish)
    const subscription = subscriptionOf(runtime.timers, async () => {
      await receiver.stop()
      subscriptions.delete(subscription)
    })
    subscriptions.add(subscription)
    return subscription
  }

  const dead: DeadWork = {
    list: async (wish) => {
      checkOptions(`list the dead messages of queue "${wish.queue}"`, wish, BROKER_NUMBERS.dead)
      return need(wish.queue).dead.list(wish.limit, wish.after)
    },
    count: async ({ queue }) => need(queue).dead.count(),
    edit: async ({ queue, id, data }) => {
      checkData(queue, data)
      return need(queue).dead.edit(id, data)
    },
    retry: async ({ queue, ids }) => need(queue).dead.retry(ids),
    discard: async ({ queue, ids, reason }) => need(queue).dead.discard(ids, reason),
  }

  return {
    declareQueue: async (queue, wish) => void (await declare(queue, wish)),
    send,
    receive,
    dead,
    lag: () =>
      [...lists.values()].map((list) => ({
        group: 'queue',
        topic: list.name,
        partition: 0,
        lag: list.size(),
        members: list.members(),
      })),
    stop: async () => {
      await Promise.all([...subscriptions].map((subscription) => subscription.stop(UNBOUNDED)))
      for (const list of lists.values()) list.stop()
    },
  }
}
