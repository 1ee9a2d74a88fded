import type { Message } from 'dure/contract'
import type { GroupLag, Queues, ReceiveOptions, Subscription } from 'dure/messaging'
import type { Runtime, Timer } from 'dure/runtime'
import { createAlarm } from 'dure/runtime/internal'
import type { Connection } from './connection.ts'
import type { Append } from './appending.ts'
import { keyPart, messageOf, sizeOf, timeOf, type Entry } from './entries.ts'
import {
  backoff,
  BROKER_NUMBERS,
  checkMessages,
  checkName,
  checkOptions,
  subscriptionOf,
  topicOf,
  UNBOUNDED,
} from 'dure/messaging/adapter'
import { ACKNOWLEDGE, LEAVE, LIST, QUEUE_LAG, TAKE, TOUCH } from './scripts.ts'
import type { WakeUps } from './wake-ups.ts'

export type RedisQueues = Pick<Queues, 'send' | 'receive'> & {
  readonly lag: () => Promise<readonly GroupLag[]>
  readonly stop: () => Promise<void>
}

export type QueuesWorld = {
  readonly append: Append
  readonly connection: Connection
  readonly wakeUps: WakeUps
  readonly runtime: Runtime
  readonly prefix: string
  /** Milliseconds after which others get what a receiver has that gives no sign of life. */
  readonly lease: number
}

const RETRY = { first: 50, max: 10_000 }
/** Bytes that a receiver has in hand at once, about; one message always is. */
const IN_HAND_BYTES = 16 * 1024 * 1024
/** Messages that wait to be handed out once more: with so many nothing new is taken. */
const MOST_PAUSES = 1_000
/** Long enough for everybody: whose message was untouched for so long may be taken over at once. */
const AGES = 1_000_000_000

export function createQueues(world: QueuesWorld): RedisQueues {
  const { connection, append, prefix, lease } = world
  const index = `${prefix}:queues`
  const known = new Map<string, Promise<unknown>>()
  const subscriptions = new Set<Subscription>()
  const keyOf = (name: string): string => `${prefix}:queue:{${keyPart(name)}}`

  /** For those that ask what there is. */
  const note = (name: string): Promise<unknown> => {
    checkName('queue', name)
    const noted = known.get(name) ?? connection.run(`use queue "${name}"`, LIST, [index], [name])
    known.set(name, noted)
    noted.catch(() => known.delete(name))
    return noted
  }

  const sendTo = async (name: string, messages: readonly Message[]): Promise<void> => {
    await note(name)
    await append({ action: `send to queue "${name}"`, key: keyOf(name), partitions: '', messages, suffixOf: () => '' })
  }

  const lagOf = async (topic: string): Promise<GroupLag> => {
    const [lag, first, members] = await connection.run<[number, string, number]>(
      'tell the lag',
      QUEUE_LAG,
      [keyOf(topic)],
      [2 * lease],
    )
    return { group: 'queue', topic, partition: 0, lag, members, since: first === '' ? undefined : timeOf(first) }
  }

  return {
    send: async (messages) => {
      checkMessages(messages)
      const copies = messages.map((message) => ({ ...message }))
      await Promise.all(
        Map.groupBy(copies, topicOf)
          .entries()
          .map(([name, own]) => sendTo(name, own)),
      )
    },
    receive: async (options) => {
      checkOptions(`receive from queue "${options.queue}"`, options, BROKER_NUMBERS.receive)
      await note(options.queue)
      const receiver = createReceiver(world, keyOf(options.queue), options)
      const subscription = subscriptionOf(world.runtime.timers, async () => {
        await receiver.leave()
        subscriptions.delete(subscription)
      })
      subscriptions.add(subscription)
      return subscription
    },
    lag: async () => Promise.all((await connection.command<string[]>('tell the lag', ['SMEMBERS', index])).map(lagOf)),
    stop: async () => void (await Promise.all([...subscriptions].map((one) => one.stop(UNBOUNDED)))),
  }
}

/** What a receiver has taken: it is its own until it is acknowledged, or untouched for a lease. */
type Work = { readonly id: string; readonly message: Message; readonly size: number; failures: number }

function createReceiver(world: QueuesWorld, key: string, options: ReceiveOptions): { readonly leave: () => Promise<void> } {
  const { connection, wakeUps, runtime, lease } = world
  const { queue, concurrency = 16, handle } = options
  const id = runtime.ids.next()
  const action = `receive from queue "${queue}"`
  /** All that is this receiver's: in hand, in a pause, and to be handed out once more. */
  const own = new Map<string, Work>()
  const again: Work[] = []
  const pauses = new Map<Work, Timer>()
  let inHand = 0
  let bytes = 0
  let leaving = false
  let idle = (): void => {}
  let unwatch = (): void => {}
  /** Monotonic milliseconds. */
  let touched = -Infinity
  const failed = (error: unknown): void => options.onError?.(error)
  const free = (): number => (leaving ? 0 : concurrency - inHand)

  const work = async (): Promise<void> => {
    // The broker has not waited for what is in hand.
    if (connection.isClosed()) return void alarm.stop()
    const time = runtime.clock.monotonic()
    const isTime = time - touched >= lease / 4
    if (isTime) {
      if (own.size > 0) await connection.run(action, TOUCH, [key], [id, 0, ...own.keys()])
      touched = time
    }
    while (free() > 0 && again.length > 0) void begin(again.shift()!)
    if (free() === 0 || pauses.size >= MOST_PAUSES || bytes >= IN_HAND_BYTES) return
    unwatch()
    const values = [id, free(), Math.max(1, IN_HAND_BYTES - bytes), isTime ? lease : '']
    const [last, entries] = await connection.run<[Buffer, Entry[]]>(action, TAKE, [key], values, { bytes: true })
    for (const entry of entries) {
      const entryId = entry[0].toString()
      const size = sizeOf(entry)
      // It may be its own already, when it was not touched in time.
      if (!own.has(entryId)) void begin({ id: entryId, message: messageOf(queue, 0, entry), size, failures: 0 })
    }
    if (entries.length === 0 && !leaving) unwatch = wakeUps.watch(key, last.toString(), () => alarm.ring())
    else if (free() > 0) alarm.ring()
  }

  const begin = async (one: Work): Promise<void> => {
    own.set(one.id, one)
    inHand++
    bytes += one.size
    try {
      await handle(one.message)
      await connection.run(action, ACKNOWLEDGE, [key], [one.id])
      own.delete(one.id)
    } catch (error) {
      failed(error)
      one.failures++
      pauses.set(
        one,
        runtime.timers.after(backoff(RETRY, one.failures, runtime.random), () => {
          pauses.delete(one)
          again.push(one)
          alarm.ring()
        }),
      )
    } finally {
      bytes -= one.size
      if (--inHand === 0) idle()
      if (!leaving) alarm.ring()
    }
  }

  const alarm = createAlarm({ runtime, work, next: async () => undefined, longest: lease / 4, failed })

  return {
    leave: async () => {
      leaving = true
      if (inHand > 0) await new Promise<void>((resolve) => void (idle = resolve))
      await alarm.stop()
      unwatch()
      pauses.forEach((timer) => timer.cancel())
      try {
        // What waits for another try is for others from now on.
        if (own.size > 0) await connection.run(action, TOUCH, [key], [id, AGES, ...own.keys()])
        await connection.run(action, LEAVE, [key], [id])
      } catch (error) {
        failed(error)
      }
    },
  }
}
