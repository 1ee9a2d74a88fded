import type { Message } from 'dure/contract'
import type { GroupLag } from 'dure/messaging'
import { createLookups, type BrokerServer, type QueueSource, type Receivers } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import { createAlarm } from 'dure/runtime/internal'
import type { Append } from './appending.ts'
import type { Connection } from './connection.ts'
import { keyPart, messageOf, sizeOf, timeOf, type Entry } from './entries.ts'
import { ACKNOWLEDGE, LEAVE, QUEUE_LAG, TAKE, TOUCH } from './scripts/queues.ts'
import { LIST } from './scripts/topics.ts'
import type { WakeUps } from './wake-ups.ts'

export type RedisQueues = Pick<BrokerServer, 'send' | 'receive' | 'lag'>

export type QueuesWorld = {
  readonly append: Append
  readonly connection: Connection
  readonly wakeUps: WakeUps
  readonly runtime: Runtime
  readonly prefix: string
  /** Milliseconds after which others get what a receiver has that gives no sign of life. */
  readonly lease: number
}

/** Bytes that are taken at once, about. */
const TAKEN_BYTES = 16 * 1024 * 1024
/** Long enough for everybody: whose message was untouched for so long may be taken over at once. */
const AGES = 1_000_000_000

export function createQueues(world: QueuesWorld): RedisQueues {
  const { connection, append, prefix, lease } = world
  const index = `${prefix}:queues`
  const known = createLookups<unknown>()
  const keyOf = (name: string): string => `${prefix}:queue:{${keyPart(name)}}`

  /** For those that ask what there is. */
  const note = (name: string): Promise<unknown> =>
    known.find(name, () => connection.run(`use queue "${name}"`, LIST, [index], [name]))

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
    send: async (name: string, messages: readonly Message[]) => {
      await note(name)
      await append({ action: `send to queue "${name}"`, key: keyOf(name), partitions: '', messages, suffixOf: () => '' })
    },
    receive: async (name, receivers) => {
      await note(name)
      return takeFrom(world, name, keyOf(name), receivers)
    },
    lag: async () => Promise.all((await connection.command<string[]>('tell the lag', ['SMEMBERS', index])).map(lagOf)),
  }
}

/** What is taken is this process's own until it is acknowledged, or untouched for a lease. */
function takeFrom(world: QueuesWorld, queue: string, key: string, receivers: Receivers): QueueSource {
  const { connection, wakeUps, runtime, lease } = world
  const id = runtime.ids.next()
  const action = `receive from queue "${queue}"`
  /** Ids of all that is its own: in hand, in a pause, and to be handed out. */
  const own = new Set<string>()
  let leaving = false
  let unwatch = (): void => {}
  /** Monotonic milliseconds. */
  let touched = -Infinity

  const work = async (): Promise<void> => {
    // The broker has not waited for what is in hand.
    if (connection.isClosed()) return void alarm.stop()
    const time = runtime.clock.monotonic()
    const isTime = time - touched >= lease / 4
    if (isTime) {
      if (own.size > 0) await connection.run(action, TOUCH, [key], [id, 0, ...own])
      touched = time
    }
    const { messages, bytes } = receivers.room()
    if (messages === 0) return
    unwatch()
    const values = [id, messages, Math.min(TAKEN_BYTES, bytes), isTime ? lease : '']
    const [last, entries] = await connection.run<[Buffer, Entry[]]>(action, TAKE, [key], values, { bytes: true })
    for (const entry of entries) begin(entry)
    if (entries.length === 0 && !leaving) unwatch = wakeUps.watch(key, last.toString(), () => alarm.ring())
    else if (receivers.room().messages > 0) alarm.ring()
  }

  const begin = (entry: Entry): void => {
    const entryId = entry[0].toString()
    // It may be its own already, when it was not touched in time.
    if (own.has(entryId)) return
    own.add(entryId)
    const done = async (): Promise<void> => {
      await connection.run(action, ACKNOWLEDGE, [key], [entryId])
      own.delete(entryId)
    }
    receivers.give({ message: messageOf(queue, 0, entry), size: sizeOf(entry), done })
  }

  const alarm = createAlarm({
    ...{ runtime, work, next: async () => undefined, longest: lease / 4, failed: receivers.failed },
  })

  return {
    wake: () => alarm.ring(),
    leave: async () => {
      leaving = true
      await alarm.stop()
      unwatch()
      try {
        // What waits for another try is for others from now on.
        if (own.size > 0) await connection.run(action, TOUCH, [key], [id, AGES, ...own])
        await connection.run(action, LEAVE, [key], [id])
      } catch (error) {
        receivers.failed(error)
      }
    },
  }
}
