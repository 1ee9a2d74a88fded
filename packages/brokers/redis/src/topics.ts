import type { Message } from 'dure/contract'
import type { GroupLag } from 'dure/messaging'
import { partitionOf, type BrokerServer } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import { createAlarm } from 'dure/runtime/internal'
import type { Logger } from 'dure/telemetry'
import type { Append } from './appending.ts'
import { DEFAULT_RETENTION, type Catalogue, type Topic } from './catalogue.ts'
import type { Connection } from './connection.ts'
import { messageOf, timeOf, type Entry } from './entries.ts'
import { isGone } from './errors.ts'
import { FETCH, LAG, TRIM } from './scripts/topics.ts'

/** Topics: published to, shown, and what is old of them thrown away. */
export type RedisTopics = Pick<
  BrokerServer,
  'declareTopic' | 'publish' | 'partitions' | 'browse' | 'behind' | 'lag' | 'retention'
> & {
  readonly stop: () => Promise<void>
}

const SHOWN_BYTES = 1024 * 1024

export function createTopics(options: {
  readonly connection: Connection
  readonly catalogue: Catalogue
  readonly append: Append
  readonly runtime: Runtime
  readonly log: Logger
  /** Milliseconds between looks for what need not be kept. */
  readonly sweep: number
}): RedisTopics {
  const { connection, catalogue, append, runtime, log, sweep } = options

  /** One call after the other: of each key a first part is there. */
  const publishTo = async (name: string, messages: readonly Message[], isAgain = false): Promise<void> => {
    const topic = await catalogue.declare(name)
    const { key, partitions } = topic
    const suffixOf = (message: Message): string => `:${partitionOf(message.key, partitions)}`
    try {
      await append({ action: `publish to topic "${name}"`, key, partitions, messages, suffixOf })
    } catch (error) {
      if (!isGone(error) || isAgain) throw error
      // The server has lost the topic, or it was made anew with other partitions.
      catalogue.forget(name)
      await publishTo(name, messages, true)
    }
  }

  const browse: RedisTopics['browse'] = async ({ topic: name, partition, after = '0-0', limit }) => {
    const { key } = await catalogue.declare(name)
    const values = [partition, after, '', limit, SHOWN_BYTES, 0]
    const [, , entries] = await connection.run<[Buffer, Buffer, Entry[]]>(`browse topic "${name}"`, FETCH, [key], values, {
      bytes: true,
    })
    return entries.map((entry) => ({ message: messageOf(name, partition, entry), partition, position: entry[0].toString() }))
  }

  const lagOf = async ({ name, key, partitions }: Topic): Promise<readonly GroupLag[]> => {
    const found = await connection.run<[string, number, number, string, number, string][]>(
      'tell the lag',
      LAG,
      [key],
      [partitions],
    )
    return found.map(([group, partition, lag, first, members, lost]) => ({
      ...{ group, topic: name, partition, lag, members, lost: Number(lost) },
      since: first === '' ? undefined : timeOf(first),
    }))
  }

  const trim = async (): Promise<void> => {
    for (const { name, key } of await catalogue.all('throw old messages away')) {
      const losses = await connection.run<(string | number)[]>('throw old messages away', TRIM, [key], [])
      for (let at = 0; at < losses.length; at += 2)
        log.warn(`Retention of topic "${name}" deleted messages that group "${losses[at]}" had not read`, {
          topic: name,
          group: String(losses[at]),
          unread: Number(losses[at + 1]),
        })
    }
  }
  const failed = (error: unknown): void => log.warn('Cannot throw old messages away; trying again later', { error })
  const sweeper = createAlarm({ runtime, work: trim, next: async () => undefined, longest: sweep, failed })

  return {
    declareTopic: async (name, request) => void (await catalogue.declare(name, request)),
    publish: publishTo,
    partitions: async (name) => (await catalogue.find(name))?.partitions,
    browse,
    // Ids begin with the time at which the server took them.
    behind: async (_topic, _partition, time) => (time > 0 ? `${time - 1}-18446744073709551615` : undefined),
    lag: async () => (await Promise.all((await catalogue.all('tell the lag')).map(lagOf))).flat(),
    // What is past its time goes with the next look.
    retention: async (name) => ((await catalogue.find(name))?.retention ?? DEFAULT_RETENTION.ms) + sweep,
    stop: sweeper.stop,
  }
}
