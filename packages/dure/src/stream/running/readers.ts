import type { Assignment, Delivery } from '../../messaging/messaging.ts'
import type { ExtensionHost } from '../../service/internal.ts'
import { cut, type Stage } from '../cut.ts'
import type { TopologyNodes } from '../graph.ts'
import { exchangeRecords, type ExchangeRecords } from './exchange-records.ts'
import { createReader, type Reader } from './reader.ts'
import type { StreamRecords } from './records.ts'
import { createStageTask, type StageTask } from './stage-task.ts'

type Place = Pick<Assignment, 'topic' | 'partition'>

/** All that reads a topology in this process. */
export type Readers = Pick<Reader, 'assigned' | 'revoked' | 'tick' | 'retry'> & {
  /** Rejects when what was handed on waits too long for those who take it. */
  readonly deliver: (batch: readonly Delivery[], place: Place) => Promise<void>
  /** Takes what other copies have handed on to this one; true when there was something, so that there may be more. */
  readonly look: () => Promise<boolean>
  readonly all: () => readonly Reader[]
}

/** Where copies share a store and this topology has to be cut: its stages. */
export function stagesOf({ sharing }: ExtensionHost['store'], { nodes }: TopologyNodes): readonly Stage[] | undefined {
  const stages = sharing === 'shared' ? cut(nodes) : []
  return stages.length > 1 ? stages : undefined
}

/** The task of a process that reads all partitions. */
const ALL = -1
/** Characters and batches that may wait for one task: whoever hands on more waits. */
const MOST = { bytes: 32_000_000, rows: 4_096 }
/** How often somebody who waits for that looks again before it gives the batch back, and the milliseconds between. */
const LOOKS = { most: 50, pause: 100 }

export function createReaders(options: {
  readonly host: ExtensionHost
  readonly topology: TopologyNodes
  readonly records: StreamRecords
  /** How many partitions a topic has. */
  readonly partitions: (topic: string) => number
  readonly exchange?: ExchangeRecords
  readonly most?: { readonly bytes: number; readonly rows: number }
}): Readers {
  const { host, topology, records, partitions, most = MOST } = options
  const { store, runtime } = host
  const { exchange = exchangeRecords(store, topology.name) } = options
  const stages = stagesOf(store, topology)
  const lead = stages && leadOf(stages, partitions)
  const readers = new Map<string, Reader>()
  const memory = (): number => (topology.memory ?? Infinity) / Math.max(1, readers.size)
  let isPressed = false

  const readerOf = (name: string, task: number, stageOf?: () => StageTask): Reader => {
    const id = `${task} ${name}`
    let reader = readers.get(id)
    if (reader === undefined) {
      reader = createReader({ host, topology, records, task, partitions, memory, stage: stageOf?.() })
      readers.set(id, reader)
    }
    return reader
  }
  const stageTaskOf = (stage: Stage, partition: number): StageTask => {
    const count = (name: string): number => (name.startsWith('#') ? lead!.partitions : partitions(name))
    const senders = stage.from.flatMap((name) => Array.from({ length: count(name) }, (_, n) => ({ stage: name, partition: n })))
    return createStageTask({ stage, partition, partitions: lead!.partitions, senders, exchange, clock: runtime.clock })
  }
  /** Those that whoever has a partition of a topic reads: its own, and of the leading topic one of each stage behind. */
  const placesOf = ({ topic, partition }: Place): readonly { readonly reader: Reader; readonly topic: string }[] => {
    if (stages === undefined) return [{ reader: readerOf('', store.sharing === 'shared' ? partition : ALL), topic }]
    const own = stages.filter(({ name, level }) => name === topic || (level > 0 && topic === lead!.topic))
    return own.toReversed().map((stage) => ({
      reader: readerOf(stage.name, partition, () => stageTaskOf(stage, partition)),
      topic: stage.name,
    }))
  }
  const look = async (): Promise<boolean> => {
    if (stages === undefined || readers.size === 0) return false
    const found = await exchange.look()
    isPressed = isTooMuch(found.waiting, most)
    let had = false
    const taking: (() => Promise<void>)[] = []
    for (const { name, level } of stages)
      for (let partition = 0; level > 0 && partition < lead!.partitions; partition++) {
        const reader = readers.get(`${partition} ${name}`)
        if (reader === undefined || !reader.isAssigned()) continue
        had ||= found.waiting.some((row) => row.stage === name && row.partition === partition)
        taking.push(() => reader.take(found))
      }
    await allOf(taking)
    return had
  }

  return {
    look,
    assigned: async (assignment) => {
      let answer: { readonly after: string } | undefined
      for (const { reader, topic } of placesOf(assignment)) {
        const taken = await reader.assigned({ ...assignment, topic })
        if (topic === assignment.topic) answer = taken
      }
      return answer
    },
    revoked: async (place) => {
      for (const { reader, topic } of placesOf(place)) await reader.revoked({ ...place, topic })
    },
    deliver: async (batch, place) => {
      for (let looks = 0; isPressed; looks++) {
        if (looks === LOOKS.most)
          throw new Error(
            `Taking messages of partition ${place.partition} of "${place.topic}" is put off: what topology "${topology.name}" has handed on to other copies is not taken. To do: look whether all partitions of "${lead!.topic}" have a member, and what their copies log`,
          )
        await runtime.timers.sleep(LOOKS.pause)
        isPressed = isTooMuch((await exchange.look()).waiting, most)
      }
      await placesOf(place)
        .find(({ topic }) => topic === place.topic)!
        .reader.deliver(batch, place)
    },
    tick: async (isRead, at) => {
      await allOf(Array.from(readers.values(), (reader) => () => reader.tick(isRead, at)))
    },
    retry: async () => {
      await allOf(Array.from(readers.values(), (reader) => () => reader.retry()))
    },
    all: () => [...readers.values()],
  }
}

/** One after the other, also behind one that fails: what stands still in one place must not stop the time of all. Rejects with the first failure. */
export async function allOf(works: readonly (() => Promise<void>)[]): Promise<void> {
  const failed: unknown[] = []
  for (const work of works) await work().catch((error: unknown) => failed.push(error))
  if (failed.length > 0) throw failed[0]
}

/** The topic with the most partitions: whoever has one of it has the same one of each stage behind. */
export function leadOf(
  stages: readonly Stage[],
  partitions: (topic: string) => number,
): { readonly topic: string; readonly partitions: number } {
  const topics = stages.filter(({ level }) => level === 0).map(({ name }) => name)
  const topic = topics.reduce((most, one) => (partitions(one) > partitions(most) ? one : most))
  return { topic, partitions: partitions(topic) }
}

function isTooMuch(
  waiting: readonly { readonly stage: string; readonly partition: number; readonly bytes: number }[],
  { bytes, rows }: typeof MOST,
): boolean {
  const sums = new Map<string, { bytes: number; rows: number }>()
  for (const row of waiting) {
    const place = `${row.partition} ${row.stage}`
    const sum = sums.get(place) ?? { bytes: 0, rows: 0 }
    sums.set(place, { bytes: sum.bytes + row.bytes, rows: sum.rows + 1 })
  }
  return [...sums.values()].some((one) => one.bytes > bytes || one.rows > rows)
}
