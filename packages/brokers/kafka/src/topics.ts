import { CallError } from 'dure/contract'
import type { TopicOptions } from 'dure/messaging'
import { backoff, createLookups, MESSAGE_BYTES } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { isRefusal, type Cluster } from './cluster.ts'
import { isUnknownTopic } from './explain.ts'
import type { Names } from './names.ts'

/** Topics by the names that Kafka has for them. */
export type KafkaTopics = {
  readonly declare: (topic: string, options: TopicOptions) => Promise<void>
  /** Makes it, where it is not there. Answers how many partitions it has. */
  readonly need: (topic: string) => Promise<number>
  /** It is to be looked for anew: Kafka has said that it is not there. */
  readonly forget: (topic: string) => void
  readonly partitions: (topic: string) => Promise<number | undefined>
  /** Partitions of those of the topics that are there. */
  readonly partitionsOf: (topics: readonly string[]) => Promise<ReadonlyMap<string, number>>
  readonly retention: (topic: string) => Promise<number>
}

const DAY = 86_400_000
const RETENTION = { ms: 7 * DAY, bytes: 1024 ** 3 }
/** Milliseconds that brokers take to notice (`log.retention.check.interval.ms`) and to delete, at most. */
const SWEEP = 5 * 60_000 + 60_000
/** Three of the largest messages, so that a batch of Kafka's has room for one and more. */
const MOST_BYTES = 3 * MESSAGE_BYTES
const TOPIC = 2
const RETRY = { first: 20, max: 1_000 }

export function createTopics(options: {
  readonly cluster: Cluster
  readonly runtime: Runtime
  readonly log: Logger
  readonly names: Names
  readonly defaults: { readonly partitions: number; readonly replication: number; readonly inSync: number | undefined }
}): KafkaTopics {
  const { cluster, runtime, log, names, defaults } = options
  const { admin } = cluster
  const known = createLookups<number>()
  const nameOf = (topic: string): string => names.read(topic)?.name ?? topic

  const countOf = async (topic: string): Promise<number | undefined> => {
    try {
      const found = (await admin.metadata({ topics: [topic], forceUpdate: true, retries: 0 })).topics.get(topic)
      return found?.partitionsCount
    } catch (error) {
      if (isUnknownTopic(error)) return undefined
      throw error
    }
  }

  const make = async (topic: string, { partitions = defaults.partitions, retention }: TopicOptions): Promise<number> => {
    const settings = settingsOf({ ...RETENTION, ...retention }, partitions)
    const configs = [
      ...settings,
      // The broker's clock, so that a publisher whose clock is wrong moves nobody's times.
      { name: 'message.timestamp.type', value: 'LogAppendTime' },
      { name: 'max.message.bytes', value: String(MOST_BYTES) },
      ...(defaults.inSync === undefined ? [] : [{ name: 'min.insync.replicas', value: String(defaults.inSync) }]),
    ]
    try {
      await admin.createTopics({ topics: [topic], partitions, replicas: defaults.replication, configs })
    } catch (error) {
      if (!isRefusal(error, 'TOPIC_ALREADY_EXISTS')) throw error
    }
    // Each broker hears of it in its own time.
    for (let failed = 1; ; failed++) {
      const count = await countOf(topic).catch((error: unknown) => {
        if (failed > 10) throw error
        return undefined
      })
      if (count !== undefined && count > 0) return count
      if (failed > 20)
        throw new CallError('UNAVAILABLE', `Cannot declare topic "${nameOf(topic)}": Kafka made it and does not show it`)
      await runtime.timers.sleep(backoff(RETRY, failed, runtime.random))
    }
  }

  /** Says so when a topic that was there is not as it was asked for; and gives it the retention that was asked for. */
  const compare = async (topic: string, count: number, { partitions, retention }: TopicOptions): Promise<void> => {
    if (partitions !== undefined && count < partitions)
      log.warn(
        'A topic has fewer partitions than its event declares; it keeps them, because more would part keys from their order',
        {
          ...{ topic: nameOf(topic), partitions: count, declared: partitions },
        },
      )
    const found = await configOf(topic)
    if (Number(found.get('max.message.bytes') ?? MOST_BYTES) < MESSAGE_BYTES)
      log.warn('A topic takes smaller messages than are allowed here; raise its max.message.bytes', {
        ...{ topic: nameOf(topic), 'max.message.bytes': found.get('max.message.bytes'), needed: MESSAGE_BYTES },
      })
    const wrong =
      retention === undefined
        ? []
        : settingsOf({ ...RETENTION, ...retention }, count).filter(({ name, value }) => found.get(name) !== value)
    if (wrong.length === 0) return
    const configs = wrong.map(({ name, value }) => ({ name, value, configOperation: 0 as const }))
    await admin.incrementalAlterConfigs({ resources: [{ resourceType: TOPIC, resourceName: topic, configs }] })
  }

  const configOf = async (topic: string): Promise<ReadonlyMap<string, string | null | undefined>> => {
    const [found] = await admin.describeConfigs({
      resources: [{ resourceType: TOPIC, resourceName: topic, configurationKeys: null }],
    })
    return new Map(found!.configs.map(({ name, value }) => [name, value]))
  }

  const find = (topic: string, request: TopicOptions): Promise<number> =>
    known.find(topic, async () => (await countOf(topic)) ?? make(topic, request))

  return {
    declare: async (topic, request) => compare(topic, await find(topic, request), request),
    need: (topic) => find(topic, {}),
    forget: known.forget,
    partitions: countOf,
    partitionsOf: async (topics) => {
      const counts = await Promise.all(topics.map(async (topic) => [topic, await countOf(topic)] as const))
      return new Map(counts.filter((one): one is [string, number] => one[1] !== undefined))
    },
    retention: async (topic) => {
      if ((await countOf(topic)) === undefined) return RETENTION.ms + segmentOf(RETENTION.ms) + SWEEP
      const found = await configOf(topic)
      const [ms, segment] = ['retention.ms', 'segment.ms'].map((name) => Number(found.get(name) ?? -1))
      // What was compacted stays for ever, the last of each key.
      return ms! < 0 || !String(found.get('cleanup.policy')).includes('delete') ? Infinity : ms! + segment! + SWEEP
    },
  }
}

/** Kafka counts bytes for each partition, and throws away whole segments: a quarter of the time is what a segment gathers. */
function settingsOf({ ms, bytes }: { readonly ms: number; readonly bytes: number }, partitions: number) {
  const whole = (most: number): string => (most === Infinity ? '-1' : String(Math.ceil(most)))
  return [
    { name: 'retention.ms', value: whole(ms) },
    { name: 'retention.bytes', value: whole(bytes / partitions) },
    { name: 'segment.ms', value: String(segmentOf(ms)) },
  ]
}

function segmentOf(ms: number): number {
  return Math.ceil(Math.min(7 * DAY, Math.max(60_000, ms / 4)))
}
