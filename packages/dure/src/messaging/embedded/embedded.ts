import { CallError } from '../../contract/contract.ts'
import { type Runtime } from '../../runtime/runtime.ts'
import { checkNumbers, COUNT, inTime, WAIT, type Ranges } from '../../runtime/internal.ts'
import { foldRepeats, type Logger } from '../../telemetry/telemetry.ts'
import { quietly, STOP_TIMEOUT } from '../broker-adapter.ts'
import type { Broker } from '../broker.ts'
import { BROKER_NUMBERS, checkOptions } from '../limits.ts'
import { EMBEDDED } from './capabilities.ts'
import { createCommits } from './commits.ts'
import { openBrokerFile } from './file.ts'
import { createFind } from './find.ts'
import { createGroups } from './groups.ts'
import { createQueues } from './queues.ts'
import { startSweeper } from './retention.ts'
import { offsetAfter } from './partition.ts'
import { createTopics } from './topics.ts'

export { brokerContract, brokerHandlers, remoteBroker } from './remote/remote.ts'

export type EmbeddedBrokerOptions = {
  /** What a resolved publish survives: a power cut, or only the end of the process. Default 'power'. */
  readonly durability?: 'power' | 'process'
  /**
   * Partitions of topics that do not say. Default 1, which is fastest while each group has one member: keys are worked
   * on side by side in any case. As many members of a group can share a topic as it has partitions.
   */
  readonly partitions?: number
  /** Messages (and KiB of them) that may wait for the next commit; a full buffer is committed at once. Default 10,000. */
  readonly pending?: number
  /** Milliseconds between looks for messages that need not be kept. Default 60,000. */
  readonly sweep?: number
}

const NUMBERS: Ranges<EmbeddedBrokerOptions> = { partitions: BROKER_NUMBERS.topic.partitions, pending: COUNT, sweep: WAIT }

/** What the broker is made of: where it keeps its file, the world, and a voice. */
export type EmbeddedBrokerWorld = {
  readonly directory: string
  readonly runtime: Runtime
  readonly log: Logger
  /** Told of every file that is held open: see `DatabaseWorld`. */
  readonly opened?: ((file: { readonly close: () => void }) => void) | undefined
}

/**
 * The broker inside the process: one SQLite file, `broker.db`, in the system's directory. For one machine and one
 * process; beyond that another adapter takes its place and nothing else changes.
 *
 * @throws {CallError} DATA_LOSS when the file is damaged, FAILED_PRECONDITION when it is in use or cannot be written
 *
 * @example
 * ```ts
 * import { embeddedBroker } from 'dure/messaging'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * // The default of a system, here with more partitions a topic.
 * const time = system('time', { services: [clock], broker: embeddedBroker({ partitions: 4 }) })
 * console.log(typeof time.broker) // → function
 * ```
 */
export function embeddedBroker(options: EmbeddedBrokerOptions = {}): (world: EmbeddedBrokerWorld) => Promise<Broker> {
  const {
    durability = 'power',
    partitions = 1,
    pending = 10_000,
    sweep = 60_000,
  } = checkNumbers('make the embedded broker', options, NUMBERS)
  return async ({ directory, runtime, log: given, opened }) => {
    const log = foldRepeats(given, runtime)
    const file = openBrokerFile(directory, runtime.random)
    opened?.(file)
    const commits = createCommits({ file, runtime, pending, disk: durability === 'power' ? file.disk : undefined })
    const topics = createTopics({ file, commits, runtime, partitions })
    const groups = createGroups({ file, commits, runtime, log, topics })
    const queues = createQueues({ file, commits, runtime })
    const find = createFind({ db: file.db, topics, runtime })
    const sweeper = startSweeper({ commits, runtime, log, topics, groups, every: sweep })

    const stop = async (timeout: number): Promise<void> => {
      const ended = Promise.all([groups.stop(), queues.stop(), sweeper.stop()])
      await inTime(runtime.timers, timeout, ended, () =>
        log.warn('The embedded broker stopped with messages in hand; they come again'),
      )
      commits.flush()
      await commits.stop()
      file.close()
    }
    let stopping: Promise<void> | undefined
    /** Reading a damaged page, too, should say which file it was. */
    const guarded = <T>(action: string, work: () => T): T => {
      if (stopping) throw new CallError('UNAVAILABLE', `Cannot ${action}: the embedded broker has stopped`)
      try {
        return work()
      } catch (error) {
        throw file.explain(action, error)
      }
    }

    return {
      name: 'embedded',
      capabilities: EMBEDDED,
      declareTopic: async (topic, request) => void (await guarded('declare a topic', () => topics.declare(topic, request))),
      publish: async (messages) => guarded('publish', () => topics.publish(messages)),
      declareGroup: async (request) => guarded('declare a group', () => groups.declare(request)),
      partitions: async (topic) => guarded('tell the partitions', () => topics.need(topic).partitions.length),
      subscribe: async (request) => guarded('subscribe', () => groups.subscribe(quietly(request))),
      send: async (messages) => guarded('send', () => queues.send(messages)),
      receive: async (request) => guarded('receive', () => queues.receive(quietly(request))),
      lag: async () => guarded('tell the lag', () => [...groups.lag(), ...queues.lag()]),
      // What is past its time goes with the next sweep.
      retention: async (topic) => guarded('tell how long a topic keeps messages', () => topics.retentionOf(topic) + sweep),
      seek: async (request) => guarded('seek', () => groups.seek(request)),
      forget: async (request) => guarded('forget a group', () => groups.forget(request)),
      browse: async (request) =>
        guarded('browse', () => {
          const { topic, partition, after, limit } = request
          checkOptions(`browse topic "${topic}"`, request, BROKER_NUMBERS.browse)
          const found = topics.need(topic).partitions[partition]
          if (!found)
            throw new CallError(
              'OUT_OF_RANGE',
              `Cannot browse partition ${partition} of topic "${topic}": there is no such partition`,
            )
          return found.read(Math.max(after === undefined ? 0 : offsetAfter(after), found.floor()), limit)
        }),
      find: async (request) => guarded('find messages', () => find(request)),
      stop: ({ timeout = STOP_TIMEOUT } = {}) => (stopping ??= stop(timeout)),
    }
  }
}
