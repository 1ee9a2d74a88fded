import type { SqlStore, SqlTransaction } from '../data/data.ts'
import { createConsumer, type Consumer, type ConsumerReaction, type ReactionReading } from '../messaging/messaging.ts'
import type { Received } from '../messaging/internal.ts'
import type { ExtensionHost } from '../service/internal.ts'
import { historyBroker, type History } from './history.ts'
import { keepingPositions, POSITIONS } from './positions.ts'
import type { ModelVersion } from './model.ts'

/** The number of the last event of each key, where publishers count them. */
const NUMBERS = `
  CREATE TABLE dure_model_numbers (topic TEXT NOT NULL, key TEXT NOT NULL, sequence BIGINT NOT NULL, PRIMARY KEY (topic, key))`

/** One building of a version: number and version of it. */
export type Build = { readonly build: number; readonly version: number }

/** How a build stands. */
export type Progress = {
  /** `history` while it is filled from there, `live` once it reads its topics. */
  readonly phase: 'starting' | 'history' | 'live'
  /** Events taken so far. */
  readonly events: number
  /** Messages of its topics that it has not read; undefined when the broker does not answer. */
  readonly behind: number | undefined
  /** When the first of them was published, where the broker knows; milliseconds since the epoch. */
  readonly since: number | undefined
  readonly waiting: number
  readonly deadLetters: number
  /** When the newest event that it has taken was published; milliseconds since the epoch. */
  readonly newest: number | undefined
}

/** A build of a version: its own store, and what fills it. */
export type Projection = Build & {
  readonly model: ModelVersion
  readonly store: SqlStore
  /** Begins to fill it, or goes on where it was. */
  readonly begin: () => void
  readonly progress: () => Promise<Progress>
  /** Work that is to be done at once. */
  readonly busy: () => Promise<number>
  /** What reads for it now: its messages wait, and die, in its store. */
  readonly consumer: () => Consumer | undefined
  /** Gives its dead letters a fresh set of tries; answers how many. */
  readonly retry: () => Promise<number>
  readonly stop: (options: { readonly timeout: number }) => Promise<void>
}

/** Milliseconds between looks whether what failed in a history has been mended. */
const LOOK = 1_000

export async function openProjection(host: ExtensionHost, model: ModelVersion, { build, version }: Build): Promise<Projection> {
  const { runtime, log } = host
  const { name, tables } = model
  const store = await host.openStore(`${name}-${build}`, {
    ...tables,
    migrations: { 'dure/read-model-0001': `${POSITIONS}; ${NUMBERS}`, ...tables.migrations },
  })
  const group = `${host.service}/${name}-${build}`
  const reactions = reactionsOf(host, model)
  const past = reactions.filter(({ event }) => historyOf(model, event.topic) !== undefined)
  const stopping = new AbortController()
  const consumers: Consumer[] = []
  let phase: Progress['phase'] = 'starting'
  let filling: Promise<void> | undefined

  const begin = async (): Promise<void> => {
    if (past.length > 0) {
      phase = 'history'
      // From here on nothing is missed, whatever the history has of it.
      for (const { event } of past)
        await host.broker.declareGroup({ group: `${group}/${event.topic}`, topics: [event.topic], from: 'end' })
      await fillFromHistory()
    }
    if (stopping.signal.aborted) return
    consumers.push(await createConsumer({ ...host, store, broker: keepingPositions(host.broker, store), group, reactions }))
    phase = 'live'
  }

  const fillFromHistory = async (): Promise<void> => {
    const own: Consumer[] = []
    for (const reaction of past) {
      const brought = Promise.withResolvers<void>()
      const history = historyOf(model, reaction.event.topic)!
      const broker = historyBroker({ host, store, history, done: brought.resolve })
      const consumer = await createConsumer({ ...host, store, broker, group: `${group}/history`, reactions: [reaction] })
      own.push(consumer)
      consumers.push(consumer)
      await Promise.race([brought.promise, stopped])
    }
    // What failed is behind everything that its key will say.
    while (!stopping.signal.aborted && (await openIn(own)) > 0) await runtime.timers.sleep(LOOK, stopping.signal)
    if (!stopping.signal.aborted) for (const consumer of own) await consumer.stop()
  }
  const stopped = new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve()))

  const readings = async (): Promise<readonly ReactionReading[]> => {
    const all = await Promise.all(consumers.map((consumer) => consumer.readings()))
    return all.flat()
  }

  return {
    ...{ build, version, model, store },
    begin: () => {
      filling ??= retried(host, stopping.signal, begin, (error) =>
        log.warn('A read model cannot be filled', { model: name, build, error }),
      )
    },
    progress: async () => {
      const [lags, read, [row]] = await Promise.all([
        host.broker.lag().catch(() => undefined),
        readings(),
        store.select('SELECT max(newest) AS newest, sum(events) AS events FROM dure_positions'),
      ])
      const own = lags?.filter((one) => one.group.startsWith(`${group}/`))
      const sum = (of: 'waiting' | 'deadLetters'): number => read.reduce((total, one) => total + one[of], 0)
      const newest = row?.['newest'] ?? null
      return {
        ...{ phase, events: Number(row?.['events'] ?? 0), waiting: sum('waiting'), deadLetters: sum('deadLetters') },
        behind: own === undefined || own.length === 0 ? undefined : own.reduce((total, { lag }) => total + lag, 0),
        since: own?.reduce<number | undefined>(
          (first, { lag, since = first }) => (lag === 0 ? first : Math.min(first ?? Infinity, since ?? Infinity)),
          undefined,
        ),
        newest: newest === null ? undefined : Number(newest),
      }
    },
    busy: async () => {
      return consumers.reduce((sum, consumer) => sum + consumer.status().inHand, phase === 'live' ? 0 : 1)
    },
    consumer: () => consumers.at(-1),
    retry: async () => {
      const retried = await Promise.all(consumers.slice(-1).map((consumer) => consumer.deadLetters.retry({}, 'dure model retry')))
      for (const consumer of consumers) consumer.reload()
      return retried.reduce((sum, count) => sum + count, 0)
    },
    stop: async ({ timeout }) => {
      stopping.abort()
      await filling
      await Promise.all(consumers.map((consumer) => consumer.stop({ timeout })))
    },
  }
}

export function historyOf({ histories }: ModelVersion, topic: string): History | undefined {
  return histories.find(({ events }) => events.some((event) => event.topic === topic))
}

/** Messages that failed and are not over, in the store of these. */
async function openIn(consumers: readonly Consumer[]): Promise<number> {
  const readings = (await Promise.all(consumers.map((consumer) => consumer.readings()))).flat()
  return readings.reduce((sum, { waiting, deadLetters, held }) => sum + waiting + deadLetters + held, 0)
}

async function retried(
  { runtime }: ExtensionHost,
  signal: AbortSignal,
  work: () => Promise<void>,
  failed: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      return await work()
    } catch (error) {
      if (!signal.aborted) failed(error)
      await runtime.timers.sleep(LOOK, signal)
    }
  }
}

/** One for each topic, whose events stay in order. */
function reactionsOf({ log }: ExtensionHost, model: ModelVersion): readonly ConsumerReaction<SqlTransaction>[] {
  const byTopic = Map.groupBy(model.from, ({ topic }) => topic)
  return [...byTopic].map(([topic, [event, ...others]]) => {
    const counted = historyOf(model, topic) !== undefined
    const handle = async ({ message, data }: Received, tx: SqlTransaction): Promise<void> => {
      const { id, type, source, key, time, correlationId, headers = {} } = message
      const { replyTo, sequence, initiator } = message
      // What its history has brought already comes once more on its topic.
      if (sequence !== undefined && !(await isNext(tx, topic, key, sequence)) && counted) return
      const received = { id, type, source, key, time, correlationId, headers, replyTo, sequence, initiator, data }
      await model.on[type]?.(received as never, { tx: tx.kysely, log } as never)
    }
    const policy = { concurrency: 16, retry: model.retry, prepare: undefined }
    return { kind: 'topic', name: topic, event: event!, others, handle, ...policy }
  })
}

async function isNext(tx: SqlTransaction, topic: string, key: string, sequence: number): Promise<boolean> {
  const changed = await tx.run(
    `INSERT INTO dure_model_numbers (topic, key, sequence) VALUES (?, ?, ?)
     ON CONFLICT (topic, key) DO UPDATE SET sequence = excluded.sequence WHERE dure_model_numbers.sequence < excluded.sequence`,
    [topic, key, sequence],
  )
  return changed > 0
}
