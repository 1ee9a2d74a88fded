import type { GroupLag, ReactionReading } from '../messaging/messaging.ts'
import type { Service } from './definition.ts'
import type { Copies } from './copies.ts'
import type { RetainedReading } from './retention.ts'

/**
 * Eventual consistency made visible: how far every reader of events, and so every copy and read model that is kept by
 * events, is behind the facts; and what has not left its publisher yet.
 */
export type Lag = {
  readonly consumers: readonly ConsumerLag[]
  readonly outboxes: readonly OutboxLag[]
  /** What services keep in their stores for a time, and within which bounds. */
  readonly retained: readonly RetainedReading[]
  /** Copies that did not answer, and services that no process runs: what only they know is not told. */
  readonly silent: readonly string[]
}

export type ConsumerLag = Omit<ReactionReading, 'oldest' | 'handled'> & {
  /** Messages that the broker has for it and that it has not read; undefined when the broker does not answer. */
  readonly unread: number | undefined
  /** When the first of those was published, and when the oldest dead letter failed; milliseconds since the epoch. */
  readonly since: number | undefined
  /** Messages that retention threw away before it had read them, so far. */
  readonly lost: number
  /** No service has it any more and nobody reads as it: it is never going to, and may be forgotten. */
  readonly abandoned: boolean
  readonly deadSince: number | undefined
}

export type OutboxLag = {
  readonly service: string
  /** Events committed and not yet with the broker; and the age of the oldest in milliseconds. */
  readonly depth: number
  readonly age: number
  /** Bytes of their data. */
  readonly size: number
}

type Asked = {
  readonly copy: string
  /** An older copy tells no size. */
  readonly status: () => Promise<
    { readonly outbox: number; readonly outboxAge: number; readonly outboxSize?: number } | undefined
  >
  readonly readings: () => Promise<readonly ReactionReading[] | undefined>
  readonly retained?: () => Promise<readonly RetainedReading[]>
}

/** What each reaction of these services reads, as the broker calls it. */
export type Readers = ReadonlySet<string>

export function readersOf(services: readonly Pick<Service, 'contract' | 'reactions'>[]): Readers {
  return new Set(
    services.flatMap(({ contract, reactions }) =>
      reactions.map(({ kind, event, name }) =>
        kind === 'queue' ? readerOf(QUEUE, event.name) : readerOf(`${contract.name}/${name}`, event.topic),
      ),
    ),
  )
}

/** Whether nobody is going to read this: no service has the reaction any more, and nobody else reads as the group. */
export function isAbandoned({ group, topic, members }: GroupLag, readers: Readers): boolean {
  return members === 0 && !readers.has(readerOf(group, topic))
}

const readerOf = (group: string, topic: string): string => `${group} ${topic}`

export async function lagOf(
  services: readonly Copies<Asked>[],
  lagsOf: () => Promise<readonly GroupLag[] | undefined>,
  readers: Readers = new Set(),
): Promise<Lag> {
  const [lags, answers] = await Promise.all([lagsOf().catch(() => undefined), Promise.all(services.map(askCopies))])
  const read = answers.flatMap(({ readings }) => readings).map((reading) => lagOfReading(reading, lags))
  const known = new Set(read.map(({ consumer, topic }) => `${consumer} ${topic}`))
  // Whose service is away is still known to the broker; so is a reaction that no release has any more.
  const others = Map.groupBy(
    (lags ?? []).filter(
      ({ group, topic, lag, lost = 0 }) => group !== QUEUE && lag + lost > 0 && !known.has(`${group} ${topic}`),
    ),
    ({ group, topic }) => `${group} ${topic}`,
  )
  const away = [...others.values()].map(([first]) =>
    lagOfReading(
      { consumer: first!.group, kind: 'topic', topic: first!.topic, waiting: 0, deadLetters: 0, held: 0, oldest: undefined },
      lags,
      isAbandoned(first!, readers),
    ),
  )
  return {
    consumers: [...read, ...away],
    outboxes: answers.flatMap(({ outbox }) => outbox ?? []),
    retained: answers.flatMap(({ retained }) => retained),
    silent: answers.flatMap(({ silent }) => silent),
  }
}

type Answers = {
  readonly readings: readonly ReactionReading[]
  readonly outbox: OutboxLag | undefined
  readonly retained: readonly RetainedReading[]
  readonly silent: readonly string[]
}

/**
 * What the copies of one service say together. What they tell of is in the store that they share, so it is not added up: the
 * largest number is of who looked last, or of who has it in hand.
 */
async function askCopies({ name, copies }: Copies<Asked>): Promise<Answers> {
  const nothing = (): undefined => undefined
  const told = await Promise.all(
    copies.map(async ({ copy, status, readings }) => {
      const [counts, read] = await Promise.all([status().catch(nothing), readings().catch(nothing)])
      return { copy, status: counts, readings: read }
    }),
  )
  const same = Map.groupBy(
    told.flatMap(({ readings = [] }) => readings),
    ({ consumer, kind, topic }) => `${kind} ${consumer} ${topic}`,
  )
  const counts = told.flatMap(({ status }) => status ?? [])
  const silent = told.filter(({ status, readings }) => status === undefined || readings === undefined).map(({ copy }) => copy)
  return {
    readings: [...same.values()].map(largest),
    retained: await retainedOf(copies),
    outbox:
      counts.length === 0
        ? undefined
        : {
            service: name,
            depth: Math.max(...counts.map(({ outbox }) => outbox)),
            age: Math.max(...counts.map(({ outboxAge }) => outboxAge)),
            size: Math.max(...counts.map(({ outboxSize = 0 }) => outboxSize)),
          },
    silent: told.length === 0 ? [name] : silent,
  }
}

/** The store is the same for all of them: the first that answers tells it. */
async function retainedOf(copies: readonly Asked[]): Promise<readonly RetainedReading[]> {
  for (const { retained } of copies) {
    const found = await retained?.().catch(() => undefined)
    if (found !== undefined) return found
  }
  return []
}

function largest(readings: readonly ReactionReading[]): ReactionReading {
  const most = (of: 'waiting' | 'deadLetters' | 'held'): number => Math.max(...readings.map((reading) => reading[of]))
  const failed = readings.flatMap(({ oldest }) => oldest ?? [])
  return {
    ...readings[0]!,
    ...{ waiting: most('waiting'), deadLetters: most('deadLetters'), held: most('held') },
    oldest: failed.length === 0 ? undefined : Math.min(...failed),
  }
}

/** What the broker calls the one group of every queue. */
const QUEUE = 'queue'

function lagOfReading(
  { oldest, handled: _, ...reading }: ReactionReading,
  lags: readonly GroupLag[] | undefined,
  abandoned = false,
): ConsumerLag {
  const { kind, consumer, topic } = reading
  const own = lags?.filter((one) => one.topic === topic && one.group === (kind === 'queue' ? QUEUE : consumer))
  const times = (own ?? []).flatMap(({ lag, since }) => (lag > 0 ? (since ?? []) : []))
  return {
    ...reading,
    unread: own?.reduce((sum, { lag }) => sum + lag, 0),
    since: times.length === 0 ? undefined : Math.min(...times),
    lost: (own ?? []).reduce((sum, { lost = 0 }) => sum + lost, 0),
    abandoned,
    deadSince: oldest,
  }
}
