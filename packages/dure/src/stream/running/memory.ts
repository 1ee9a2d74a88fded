import type { SqlTransaction } from '../../data/data.ts'
import type { TopologyNodes } from '../graph.ts'
import type { HeldCells } from '../cells.ts'
import { bytesOf, elsewhere, isPartial, leave, noteRead, putBack, takeBack, type Wanted } from '../residence.ts'
import type { Stage } from '../cut.ts'
import { createHanding, type Handing } from '../exchange.ts'
import { openTask, type Part, type Task, type Trace } from '../task.ts'
import type { Failed, Output } from './batch.ts'
import type { StreamRecords } from './records.ts'
import { valueOf, type StateText } from './state-text.ts'
import type { StageTask } from './stage-task.ts'
import { createSeen, type Seen } from './seen.ts'

/** What a reader has in memory: all of it is in the store as well, but for the batch that is under way. */
export type Memory = {
  readonly task: Task
  readonly parts: readonly Pick<Part, 'part' | 'held'>[]
  readonly seen: Seen
  /** What operators have published since the last commit. */
  readonly out: Output[]
  /** What they have handed on to other tasks since then. */
  readonly handing: Handing
  /** Bytes of state, about. */
  readonly bytes: () => number
  /** Some of the state is in the store alone. */
  readonly isPartial: () => boolean
  /** Runs work through; again, as though it had never run, when it asked for what is in the store alone, and that was read. */
  readonly run: (work: () => Failed | undefined) => Promise<Failed | undefined>
  /** Leaves state to the store that was not changed lately, when there is more than so many bytes. Nothing may be uncommitted. */
  readonly trim: (most: number) => void
}

const SEEN = '/seen'
const UNCUT: Pick<Stage, 'sends'> = { sends: new Map() }
/** Of the bound: what is left in memory, so that not every batch has to look for more to leave. */
const LEFT = 0.75

export async function loadMemory(options: {
  readonly topology: TopologyNodes
  readonly records: StreamRecords
  readonly task: number
  readonly now: number
  /** Bytes of state that are read at once; the rest is read when it is asked for. */
  readonly most: number
  /** The partitions of a topic that it reads. */
  readonly reads: (topic: string) => readonly number[]
  readonly trace: Trace
  /** Which part of the topology it is, where that is cut. */
  readonly stage: StageTask | undefined
  /** Refuses who does not have its partitions any more. */
  readonly fence: (tx: SqlTransaction) => Promise<void>
}): Promise<Memory> {
  const { topology, records, task: number, now, most, reads, trace, stage, fence } = options
  const out: Output[] = []
  const { nodes, name: stageName = '', takes } = stage?.stage ?? { nodes: topology.nodes }
  const handing = createHanding(stage?.stage ?? UNCUT, { partitions: stage?.partitions ?? 1, at: () => task.at() })
  const task = openTask({
    ...{ nodes, now, takes, sends: stage && handing.to, trace },
    publish: (event, data) => void out.push({ event, data, at: task.at() }),
  })
  const seen = createSeen()
  const { parts: own } = task
  const bytes = (): number => own.reduce((sum, { held }) => sum + bytesOf(held), 0)
  const watermark = stage === undefined ? await records.begun(number) : await stage.begun(fence)
  // Of what an earlier release had nothing is read.
  const ids = { part: `${SEEN}${stageName}`, held: seen.held as unknown as HeldCells<unknown>, index: undefined }
  await readSome(ids, { records, number, watermark, isFull: () => false })
  for (const part of own) await readSome(part, { records, number, watermark, isFull: () => bytes() >= most })
  seen.restored()
  task.restored(watermark)
  for (const { stage: name, partition } of stage?.senders ?? []) task.openSender(name, partition)
  // Of all that it will read nothing may be late because another partition came first. And how far each has come is known:
  // when nothing comes any more, time goes on from there.
  const newest = await records.newest()
  for (const node of nodes) {
    const topic = node.source?.event.topic
    if (topic !== undefined)
      for (const partition of reads(topic)) task.open(node, partition, now, newest.get(`${topic}/${partition}`))
  }
  const partial = (): boolean => own.some(({ held }) => isPartial(held))
  return {
    ...{ task, seen, out, handing, bytes, isPartial: partial },
    parts: [...own, ids],
    run: (work) => runWhole({ task, out, handing, records, number, isPartial: partial }, work),
    trim: (limit) => {
      const there = bytes()
      if (there > limit) for (const { held } of own) leave(held, (limit * LEFT) / there)
    },
  }
}

type From = { readonly records: StreamRecords; readonly number: number }

/** Reads a part of the state while there is room for it. Of the rest the times are noted; what is known of all its cells is read as well. */
async function readSome(
  { part, held, index }: Part,
  { records, number, watermark, isFull }: From & { readonly watermark: number; readonly isFull: () => boolean },
): Promise<void> {
  let after: StateText | undefined
  for (;;) {
    const isLeft = isFull()
    if (isLeft && index === undefined) {
      for (const at of await records.times(number, part, after?.at)) elsewhere(held, at)
      return
    }
    const rows = await records.read(number, part, { after })
    for (const row of rows) {
      const { key, at, value } = valueOf(row)
      index?.(key, at, value, watermark)
      if (isLeft) elsewhere(held, at)
      else putBack(held, { key, at, value }, row.text.length)
    }
    after = rows.at(-1)
    if (after === undefined) return
  }
}

async function runWhole(
  { task, out, handing, records, number, isPartial }: Pick<Memory, 'task' | 'out' | 'handing' | 'isPartial'> & From,
  work: () => Failed | undefined,
): Promise<Failed | undefined> {
  for (;;) {
    const undo = isPartial() ? task.mark() : undefined
    const failed = work()
    const { parts } = task
    if (undo === undefined || parts.every(({ held }) => held.missed.keys.size + held.missed.whole.size === 0)) return failed
    undo()
    out.length = 0
    handing.clear()
    for (const { part, held } of parts) {
      const wanted = takeBack(held)
      // A function that threw may have changed half of a value: nothing that is in memory can be trusted.
      if (failed !== undefined) leave(held, 0)
      await fetch({ part, held }, wanted, { records, number })
    }
  }
}

async function fetch({ part, held }: Pick<Part, 'part' | 'held'>, wanted: Wanted, { records, number }: From): Promise<void> {
  for (const at of wanted.whole) {
    let after: StateText | undefined
    do {
      const rows: readonly StateText[] = await records.read(number, part, { at, after })
      for (const row of rows) putBack(held, valueOf(row), row.text.length)
      after = rows.at(-1)
    } while (after !== undefined)
  }
  for (const [at, keys] of wanted.keys)
    if (!wanted.whole.has(at))
      for (const row of await records.pick(number, part, at, [...keys])) putBack(held, valueOf(row), row.text.length)
  noteRead(held, wanted)
}
