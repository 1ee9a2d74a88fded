import { JetStreamApiError, type ConsumerConfig, type ConsumerInfo } from '@nats-io/jetstream'
import type { Ages } from 'dure/messaging/adapter'
import type { Link } from './connection.ts'
import type { Names } from './names.ts'
import type { Topic } from './streams.ts'

/** Where a consumer begins, as the server says it. */
export type Start = Pick<ConsumerConfig, 'deliver_policy'> & Partial<Pick<ConsumerConfig, 'opt_start_seq' | 'opt_start_time'>>

/**
 * How far a group has come in a partition: a durable consumer of the server, a new one for every epoch. Of several the one of
 * the latest epoch counts, so what a member of an earlier epoch acknowledges, or makes, changes nothing.
 */
export type Position = {
  readonly group: string
  readonly partition: number
  readonly epoch: number
  /** Of one epoch: begun anew so many times. */
  readonly turn: number
  readonly info: ConsumerInfo
}

export type Consumers = {
  /** The one that counts of every group and partition of a topic, with those that do not count any more. */
  readonly of: (topic: Topic) => Promise<ReadonlyMap<string, readonly Position[]>>
  /** Makes the one of an epoch, and takes away those before it. Answers its name. */
  readonly make: (
    topic: Topic,
    at: {
      readonly group: string
      readonly partition: number
      readonly epoch: number
      readonly turn: number
      readonly start: Start
    },
    before: readonly Position[],
  ) => Promise<string>
  readonly drop: (topic: Topic, positions: readonly Position[]) => Promise<void>
}

export const BEGINNING: Start = { deliver_policy: 'all' }
/** Nanoseconds: what is in hand comes again in the next epoch only, so long as nobody works on it for longer. */
const ACK_WAIT = 24 * 3_600 * 1e9
const NOT_FOUND = new Set([10_014, 10_059])

export const placeKey = (group: string, partition: number): string => `${partition} ${group}`

/** Behind all there is, as the stream's leader says: a consumer by itself begins behind what its own server has. */
export async function endOf(link: Link, topic: Topic): Promise<Start> {
  return behind((await link.jsm.streams.info(topic.stream)).state.last_seq)
}

export function behind(sequence: number): Start {
  return { deliver_policy: 'by_start_sequence', opt_start_seq: sequence + 1 }
}

export function createConsumers(link: Link, names: Names): Consumers {
  const { consumers } = link.jsm
  const drop: Consumers['drop'] = async (topic, positions) => {
    for (const { info } of positions) {
      await consumers.delete(topic.stream, info.name).catch((error: unknown) => {
        if (!(error instanceof JetStreamApiError && NOT_FOUND.has(error.code))) throw error
      })
    }
  }
  return {
    drop,
    of: async (topic) => {
      const found = new Map<string, Position[]>()
      for await (const info of consumers.list(topic.stream)) {
        const {
          'dure-group': group,
          'dure-partition': partition,
          'dure-epoch': epoch,
          'dure-turn': turn,
        } = info.config.metadata ?? {}
        if (group === undefined) continue
        const one = { group, partition: Number(partition), epoch: Number(epoch), turn: Number(turn), info }
        const key = placeKey(group, one.partition)
        found.set(
          key,
          [...(found.get(key) ?? []), one].toSorted((a, z) => z.epoch - a.epoch || z.turn - a.turn),
        )
      }
      return found
    },
    make: async (topic, { group, partition, epoch, turn, start }, before) => {
      const name = names.consumer(group, partition, epoch, turn)
      await consumers.add(topic.stream, {
        ...{ durable_name: name, ack_policy: 'all', ack_wait: ACK_WAIT, max_ack_pending: -1, ...start },
        filter_subject: `${topic.subject}.${partition}`,
        metadata: {
          ...{ 'dure-group': group, 'dure-partition': String(partition) },
          ...{ 'dure-epoch': String(epoch), 'dure-turn': String(turn) },
        },
      })
      await drop(topic, before)
      return name
    },
  }
}

/** Where the next consumer of a group's partition begins. In a cluster one of which nothing was acknowledged has no floor. */
export function startAfter({ info: { ack_floor: floor, config } }: Position): Start {
  const { deliver_policy, opt_start_time, opt_start_seq = 1 } = config
  if (floor.stream_seq === 0 && opt_start_time !== undefined) return { deliver_policy, opt_start_time }
  return behind(Math.max(floor.stream_seq, opt_start_seq - 1))
}

/** Messages of a group's partition that it has not acknowledged. */
export function unread({ info }: Position): number {
  return info.num_pending + info.num_ack_pending
}

/** Since when the first of those is there, by the server's clock. */
export async function sinceOf(link: Link, ages: Ages, topic: Topic, position: Position): Promise<number | undefined> {
  if (unread(position) === 0) return undefined
  const { opt_start_seq: seq = 1, opt_start_time } = startAfter(position)
  const from = opt_start_time === undefined ? { seq } : { start_time: new Date(opt_start_time) }
  return ages(`${topic.stream} ${topic.created} ${position.partition} ${opt_start_time ?? seq}`, async () => {
    const next_by_subj = `${topic.subject}.${position.partition}`
    return (await link.jsm.direct.getMessage(topic.stream, { ...from, next_by_subj }))?.time.getTime()
  })
}
