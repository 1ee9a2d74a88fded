import type { GroupLag, ReactionReading } from '../messaging/messaging.ts'

/**
 * Eventual consistency made visible: how far every reader of events, and so every copy and read model that is kept by
 * events, is behind the facts; and what has not left its publisher yet.
 */
export type Lag = {
  readonly consumers: readonly ConsumerLag[]
  readonly outboxes: readonly OutboxLag[]
  /** Services that did not answer: of theirs only what the broker knows is told. */
  readonly silent: readonly string[]
}

export type ConsumerLag = Omit<ReactionReading, 'oldest'> & {
  /** Messages that the broker has for it and that it has not read; undefined when the broker does not answer. */
  readonly unread: number | undefined
  /** When the first of those was published, and when the oldest dead letter failed; milliseconds since the epoch. */
  readonly since: number | undefined
  readonly deadSince: number | undefined
}

export type OutboxLag = {
  readonly service: string
  /** Events committed and not yet with the broker; and the age of the oldest in milliseconds. */
  readonly depth: number
  readonly age: number
}

type Asked = {
  readonly name: string
  readonly status: () => Promise<{ readonly outbox: number; readonly outboxAge: number } | undefined>
  readonly readings: () => Promise<readonly ReactionReading[] | undefined>
}

export async function lagOf(units: readonly Asked[], lagsOf: () => Promise<readonly GroupLag[] | undefined>): Promise<Lag> {
  const [lags, answers] = await Promise.all([
    lagsOf().catch(() => undefined),
    Promise.all(
      units.map(async ({ name, status, readings }) => {
        const nothing = (): undefined => undefined
        return { name, status: await status().catch(nothing), readings: await readings().catch(nothing) }
      }),
    ),
  ])
  const read = answers.flatMap(({ readings = [] }) => readings).map((reading) => lagOfReading(reading, lags))
  const known = new Set(read.map(({ consumer, topic }) => `${consumer} ${topic}`))
  // Whose service is away is still known to the broker; so is a reaction that no release has any more.
  const others = Map.groupBy(
    (lags ?? []).filter(({ group, topic, lag }) => group !== QUEUE && lag > 0 && !known.has(`${group} ${topic}`)),
    ({ group, topic }) => `${group} ${topic}`,
  )
  const away = [...others.values()].map(([first]) =>
    lagOfReading(
      { consumer: first!.group, kind: 'topic', topic: first!.topic, waiting: 0, deadLetters: 0, held: 0, oldest: undefined },
      lags,
    ),
  )
  return {
    consumers: [...read, ...away],
    outboxes: answers.flatMap(({ name, status }) =>
      status === undefined ? [] : [{ service: name, depth: status.outbox, age: status.outboxAge }],
    ),
    silent: answers.filter(({ status, readings }) => status === undefined || readings === undefined).map(({ name }) => name),
  }
}

/** What the broker calls the one group of every queue. */
const QUEUE = 'queue'

function lagOfReading({ oldest, ...reading }: ReactionReading, lags: readonly GroupLag[] | undefined): ConsumerLag {
  const { kind, consumer, topic } = reading
  const own = lags?.filter((one) => one.topic === topic && one.group === (kind === 'queue' ? QUEUE : consumer) && one.lag > 0)
  const times = (own ?? []).flatMap(({ since }) => since ?? [])
  return {
    ...reading,
    unread: own?.reduce((sum, { lag }) => sum + lag, 0),
    since: times.length === 0 ? undefined : Math.min(...times),
    deadSince: oldest,
  }
}
