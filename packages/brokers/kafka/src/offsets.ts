import { offsetCommitV8 } from '@platformatic/kafka'
import type { Cluster } from './cluster.ts'

/** Where a group stands in a partition, and what it notes beside: Kafka keeps a text with each committed offset. */
export type Place = {
  readonly topic: string
  readonly partition: number
  /** The first that is not done. */
  readonly offset: number
  readonly note: Note | undefined
}

export type Note = {
  /** Raised with each assignment. */
  readonly epoch: number
  /** Drawn when a group has no note: it counts anew, and is told from the time before by this. */
  readonly broker: string
  /** Messages that retention threw away before they were read. */
  readonly lost: number
  /** Offsets behind the first that are done all the same: pairs of how many are not, and how many are. */
  readonly ahead: readonly number[]
}

/** Who commits: a member in its generation, whom the coordinator refuses when it is late. Without one: the group has no member. */
export type Identity = { readonly member: string; readonly generation: number }

const NOTE = /^dure epoch=(\d+) broker=(\S+) lost=(\d+) ahead=([\d,]*)$/

export function writeNote({ epoch, broker, lost, ahead }: Note): string {
  return `dure epoch=${epoch} broker=${broker} lost=${lost} ahead=${ahead.join(',')}`
}

export function readNote(text: string | null | undefined): Note | undefined {
  const found = NOTE.exec(text ?? '')
  if (found === null) return undefined
  const [, epoch, broker, lost, ahead] = found
  return {
    epoch: Number(epoch),
    broker: broker!,
    lost: Number(lost),
    ahead: ahead === '' ? [] : ahead!.split(',').map(Number),
  }
}

/** Numbers of a note, at most: a broker takes 4,096 bytes of text. What is done beyond comes again after a crash. */
const MOST_AHEAD = 256

/** Offsets that are done behind the first that is not, as gaps and runs. */
export function aheadOf(first: number, done: Iterable<number>): readonly number[] {
  const ahead: number[] = []
  let at = first
  for (const offset of [...done].sort((a, b) => a - b)) {
    if (offset === at && ahead.length > 0) ahead[ahead.length - 1]!++
    else if (ahead.length >= MOST_AHEAD) break
    else ahead.push(offset - at, 1)
    at = offset + 1
  }
  return ahead
}

export function* offsetsOf(first: number, ahead: readonly number[]): Generator<number> {
  let at = first
  for (let n = 0; n + 1 < ahead.length; n += 2) {
    at += ahead[n]!
    for (let run = ahead[n + 1]!; run > 0; run--) yield at++
  }
}

/** How many are done behind the first that is not. */
export function countAhead(ahead: readonly number[]): number {
  return ahead.reduce((sum, count, n) => (n % 2 === 1 ? sum + count : sum), 0)
}

/** Writes where a group stands. @throws what the coordinator refuses it with, when it comes from somebody who is late */
export async function commitPlaces(cluster: Cluster, group: string, places: readonly Place[], as?: Identity): Promise<void> {
  if (places.length === 0) return
  const topics = [...Map.groupBy(places, ({ topic }) => topic)].map(([name, of]) => ({
    name,
    partitions: of.map(({ partition, offset, note }) => ({
      ...{ partitionIndex: partition, committedOffset: BigInt(offset), committedLeaderEpoch: -1 },
      committedMetadata: note === undefined ? null : writeNote(note),
    })),
  }))
  await cluster.atCoordinator(group, (connection) =>
    offsetCommitV8.api.async(connection, group, as?.generation ?? -1, as?.member ?? '', null, topics),
  )
}

/** Where groups stand, on all topics or on some. */
export async function placesOf(
  cluster: Cluster,
  groups: readonly string[],
  topics?: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, readonly Place[]>> {
  const wanted =
    topics && [...topics].map(([name, count]) => ({ name, partitionIndexes: Array.from({ length: count }, (_, n) => n) }))
  const found = await cluster.admin.listConsumerGroupOffsets({
    groups: groups.map((groupId) => (wanted === undefined ? groupId : { groupId, topics: wanted })),
  })
  return new Map(
    found.map(({ groupId, topics: of }) => [
      groupId,
      of.flatMap(({ name, partitions }) =>
        partitions
          .filter(({ committedOffset }) => committedOffset >= 0n)
          .map(({ partitionIndex, committedOffset, metadata }) => ({
            ...{ topic: name, partition: partitionIndex, offset: Number(committedOffset), note: readNote(metadata) },
          })),
      ),
    ]),
  )
}

/** Whether Kafka may have given out this position. */
export const isPosition = (text: string): boolean => /^\d{1,16}$/.test(text)

export const offsetAfter = (position: string): number => Number(position) + 1

export const BEGINNING = -2n
export const END = -1n

/** The offset at a time (or the beginning, or the end) of each partition, by topic. */
export async function offsetsAt(
  cluster: Cluster,
  topics: ReadonlyMap<string, number>,
  timestamp: bigint,
): Promise<ReadonlyMap<string, readonly number[]>> {
  if (topics.size === 0) return new Map()
  const listed = await cluster.admin.listOffsets({
    topics: [...topics].map(([name, count]) => ({
      name,
      partitions: Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp })),
    })),
    isolationLevel: 0,
  })
  return new Map(
    listed.map(({ name, partitions }) => {
      const offsets: number[] = []
      for (const { partitionIndex, offset } of partitions) offsets[partitionIndex] = Number(offset)
      return [name, offsets]
    }),
  )
}
