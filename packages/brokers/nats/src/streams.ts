import { JetStreamApiError, type StreamConfig, type StreamInfo } from '@nats-io/jetstream'
import { CallError } from 'dure/contract'
import type { TopicOptions } from 'dure/messaging'
import { createLookups } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Link } from './connection.ts'
import type { Names } from './names.ts'

/** A stream of the server that is a topic or a queue of ours. */
export type Topic = {
  readonly name: string
  readonly stream: string
  readonly partitions: number
  /** What the subjects of its partitions begin with. */
  readonly subject: string
  /** Which one of its name this is: another one when it was deleted and made again. */
  readonly created: string
}

export type Streams = {
  readonly declare: (topic: string, options?: TopicOptions) => Promise<Topic>
  readonly queue: (name: string) => Promise<Topic>
  readonly find: (topic: string) => Promise<Topic | undefined>
  /** It was deleted meanwhile: looked for again when it is named next. */
  readonly forget: (topic: Topic) => void
  /** All of this prefix, as they are now. */
  readonly all: () => Promise<readonly { readonly what: 'topic' | 'queue'; readonly topic: Topic }[]>
  readonly retention: (topic: string) => Promise<number>
  /** Which broker this is: another one when the server has lost what it had. */
  readonly identity: string
}

type Metadata = Readonly<Record<string, string>>

const DAY = 86_400_000
const RETENTION = { ms: 7 * DAY, bytes: 1024 ** 3 }
/** Milliseconds within which the server throws away what is past its time, at the latest. */
const SLACK = 60_000
const NOT_FOUND = 10_059
const IN_USE = 10_058

export async function openStreams(options: {
  link: Link
  names: Names
  runtime: Runtime
  replicas: number
  /** Of topics that do not say. */
  partitions: number
}): Promise<Streams> {
  const { link, names, runtime, replicas } = options
  const { streams } = link.jsm
  const known = createLookups<Topic>()

  const { find, make } = server(link, replicas)
  const declare: Streams['declare'] = async (name, { partitions = options.partitions, retention } = {}) => {
    const stream = names.stream('topic', name)
    const limits = limitsOf({ ...RETENTION, ...retention })
    const topic = await known.find(`topic ${name}`, async () => {
      const metadata: Metadata = { 'dure-topic': name, 'dure-partitions': String(partitions) }
      const subjects = [`${names.subject('topic', name)}.*`]
      const found = await find(stream)
      return topicOf(
        names,
        'topic',
        name,
        found ?? (await make({ name: stream, subjects, allow_atomic: true, metadata, ...limits })),
      )
    })
    if (retention !== undefined) {
      const { config } = await streams.info(stream)
      if (config.max_age !== limits.max_age || config.max_bytes !== limits.max_bytes) await streams.update(stream, limits)
    }
    return topic
  }

  const groups = await make({
    ...{ name: names.groupsStream, subjects: [`${names.prefix}.group.>`], max_msgs_per_subject: 1 },
    metadata: { 'dure-identity': (await find(names.groupsStream))?.config.metadata?.['dure-identity'] ?? runtime.ids.next() },
  })
  const identity = groups.config.metadata?.['dure-identity']
  if (identity === undefined)
    throw new CallError(
      'FAILED_PRECONDITION',
      `Cannot use stream "${names.groupsStream}": it was not made by Dure; choose another "prefix"`,
    )

  return {
    identity,
    declare,
    queue: (name) =>
      known.find(`queue ${name}`, async () => {
        const stream = names.stream('queue', name)
        const metadata: Metadata = { 'dure-queue': name, 'dure-partitions': '1' }
        const subjects = [`${names.subject('queue', name)}.*`]
        const found = await find(stream)
        return topicOf(
          names,
          'queue',
          name,
          found ?? (await make({ name: stream, subjects, allow_atomic: true, retention: 'workqueue', metadata })),
        )
      }),
    find: async (name) => {
      const before = known.known(`topic ${name}`)
      if (before !== undefined) return before
      const found = await find(names.stream('topic', name))
      return found && known.keep(`topic ${name}`, Promise.resolve(topicOf(names, 'topic', name, found)))
    },
    forget: ({ name, subject }) => {
      for (const what of ['topic', 'queue'] as const) if (subject === names.subject(what, name)) known.forget(`${what} ${name}`)
    },
    all: async () => {
      const found: { what: 'topic' | 'queue'; topic: Topic }[] = []
      for (const what of ['topic', 'queue'] as const) {
        for await (const info of streams.list(`${names.prefix}.${what}.>`)) {
          const name = info.config.metadata?.[`dure-${what}`]
          if (name !== undefined && info.config.name === names.stream(what, name))
            found.push({ what, topic: topicOf(names, what, name, info) })
        }
      }
      return found
    },
    retention: async (name) => {
      const found = await find(names.stream('topic', name))
      const age = found === undefined ? RETENTION.ms : found.config.max_age / 1e6
      return age === 0 ? Infinity : age + SLACK
    },
  }
}

/** The server takes no less than a tenth of a second; 0 and -1 are without end. */
function limitsOf({ ms, bytes }: { readonly ms: number; readonly bytes: number }) {
  const max_age = ms === Infinity ? 0 : Math.max(100, ms) * 1e6
  return {
    max_age,
    max_bytes: bytes === Infinity ? -1 : bytes,
    ...(max_age === 0 ? {} : { duplicate_window: Math.min(120e9, max_age) }),
  }
}

/** @throws {CallError} FAILED_PRECONDITION when the stream is not made as one of ours */
function topicOf(names: Names, what: 'topic' | 'queue', name: string, info: StreamInfo): Topic {
  const partitions = Number(info.config.metadata?.[`dure-partitions`])
  const subject = names.subject(what, name)
  const { name: stream, subjects, storage, retention } = info.config
  const wants = what === 'topic' ? 'limits' : 'workqueue'
  const wrong =
    info.config.metadata?.[`dure-${what}`] !== name || !(partitions >= 1)
      ? 'it was not made by Dure'
      : storage !== 'file'
        ? `it keeps its messages in ${storage}, and "file" is needed`
        : retention !== wants
          ? `its retention is "${retention}", and "${wants}" is needed`
          : subjects?.join() !== `${subject}.*`
            ? `it takes the subjects "${subjects?.join(', ')}", and "${subject}.*" is needed`
            : info.config.allow_atomic !== true
              ? 'it does not allow atomic batches; update it with "allow_atomic"'
              : undefined
  if (wrong === undefined) return { name, stream, partitions, subject, created: info.created }
  throw new CallError(
    'FAILED_PRECONDITION',
    `Cannot use stream "${stream}" as ${what} "${name}": ${wrong}; choose another "prefix", or move what is in it and delete it`,
  )
}

/** Streams of the server by their names. */
function server({ jsm: { streams } }: Link, replicas: number) {
  const find = async (stream: string): Promise<StreamInfo | undefined> => {
    try {
      return await streams.info(stream)
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === NOT_FOUND) return undefined
      throw error
    }
  }
  const make = async (config: Partial<StreamConfig> & { name: string }): Promise<StreamInfo> => {
    try {
      return await streams.add({ storage: 'file', num_replicas: replicas, allow_direct: true, discard: 'old', ...config })
    } catch (error) {
      // Somebody else has made it at the same moment.
      const found = error instanceof JetStreamApiError && error.code === IN_USE ? await find(config.name) : undefined
      if (found === undefined) throw error
      return found
    }
  }
  return { find, make }
}
