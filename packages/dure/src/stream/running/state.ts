import type { Assignment } from '../../messaging/messaging.ts'
import type { ExtensionHost } from '../../service/internal.ts'
import type { TopologyNodes } from '../graph.ts'
import { commit, type Commit } from './commit.ts'
import { privateFieldsOf } from '../../contract/internal.ts'
import type { TaskCounts } from '../task.ts'
import { loadMemory, type Memory } from './memory.ts'
import { createTrail, type Trail } from './trail.ts'
import type { StreamRecords } from './records.ts'
import type { Made, StageTask } from './stage-task.ts'

export type ReaderOptions = {
  readonly host: ExtensionHost
  readonly topology: TopologyNodes
  readonly records: StreamRecords
  readonly task: number
  /** How many partitions a topic has. */
  readonly partitions: (topic: string) => number
  /** Bytes of state that may be in memory. */
  readonly memory: () => number
  /** Which part of the topology it reads, where that is cut. */
  readonly stage?: StageTask | undefined
}

/** The state of a reader: in memory while nothing fails, and read back when it is needed again. */
export type State = {
  readonly need: () => Promise<Memory>
  readonly ready: () => Memory | undefined
  /** Nothing in memory counts any more. */
  readonly drop: () => void
  /** Of all that was committed since the process began. */
  readonly counts: TaskCounts
  readonly trail: Trail
  readonly write: (own: Memory, what: Written) => Promise<void>
}

/** Milliseconds between what is noted of time for people alone: whoever goes on with it knows as much from the positions. */
const SHOWN = 10_000

type Written = Pick<Commit, 'messages' | 'move' | 'aside' | 'tried'> & Omit<Made, 'hasMoved'>

export function createState(
  options: ReaderOptions & { readonly consumer: string; readonly assignments: () => readonly Assignment[] },
): State {
  const { host, topology, records, task: number, partitions, memory, consumer, assignments, stage } = options
  const isShared = host.store.sharing === 'shared'
  let ready: Memory | undefined
  let isTold = false
  const counts: TaskCounts = { records: 0, aside: 0, late: new Map(), told: new Map() }
  const events = topology.nodes.flatMap(({ source }) => source?.event ?? [])
  const trail = createTrail(events.some(({ schema }) => privateFieldsOf(schema, 'output') !== undefined))
  let noted = { watermark: -Infinity, at: -Infinity }
  /** How far time has come; of a task that hands nothing on. */
  const timeOf = (watermark: number): Commit['also'] => {
    const at = host.runtime.clock.now()
    return {
      must: watermark > noted.watermark && at - noted.at >= SHOWN,
      write: async (tx) => {
        await records.watermark(tx, number, watermark)
        tx.onCommit(() => void (noted = { watermark, at }))
      },
    }
  }
  return {
    need: async () =>
      (ready ??= await loadMemory({
        ...{ topology, records, task: number, now: host.runtime.clock.now(), most: memory(), trace: trail.trace, stage },
        fence: async (tx) => {
          for (const assignment of assignments()) await records.check(tx, assignment)
        },
        reads: (topic) => (isShared ? [number] : [...Array(partitions(topic)).keys()]),
      })),
    ready: () => ready,
    ...{ counts, trail },
    drop: () => void (ready = undefined),
    write: async (own, { entries, taken, ...what }) => {
      const { task, parts, out } = own
      out.length = 0
      const also = stage?.writes(own, { entries, taken, hasMoved: what.move !== undefined }) ?? timeOf(task.watermark.now())
      const mine = { task: number, parts, assignments: assignments(), also }
      await commit(host, { consumer, records }, { ...mine, ...what })
      trail.keep()
      takeCounts(task.counts, counts)
      own.trim(memory())
      if (isTold || !own.isPartial()) return
      isTold = true
      const bytes = memory()
      host.log.info('State of a stream is larger than it may be in memory: it is read back by key', { consumer, bytes })
    },
  }
}

/** Adds what was counted since this was done last. */
function takeCounts(from: TaskCounts, to: TaskCounts): void {
  to.records += from.records
  to.aside += from.aside
  Object.assign(from, { records: 0, aside: 0 })
  for (const [name, count] of from.late) to.late.set(name, (to.late.get(name) ?? 0) + count)
  from.late.clear()
  for (const [name, one] of from.told) {
    const sum = to.told.get(name)
    if (sum === undefined) to.told.set(name, { count: one.count })
    else sum.count += one.count
    one.count = 0
  }
}
