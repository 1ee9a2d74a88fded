import type { Cells } from '../cells.ts'
import type { TopologyNodes } from '../graph.ts'
import { openTask, type Task } from '../task.ts'
import type { Output } from './batch.ts'
import type { StreamRecords } from './records.ts'
import { createSeen, type Seen } from './seen.ts'

/** What a reader has in memory: all of it is in the store as well, but for the batch that is under way. */
export type Memory = {
  readonly task: Task
  readonly parts: readonly { readonly part: string; readonly cells: Cells<unknown> }[]
  readonly seen: Seen
  /** What operators have published since the last commit. */
  readonly out: Output[]
}

const SEEN = '/seen'

export async function loadMemory(options: {
  readonly topology: TopologyNodes
  readonly records: StreamRecords
  readonly task: number
  readonly now: number
  /** The partitions of a topic that it reads. */
  readonly reads: (topic: string) => readonly number[]
}): Promise<Memory> {
  const { topology, records, task: number, now, reads } = options
  const out: Output[] = []
  const task = openTask({
    ...{ nodes: topology.nodes, now },
    publish: (event, data) => void out.push({ event, data, at: task.at() }),
  })
  const seen = createSeen()
  const parts = [...task.parts, { part: SEEN, cells: seen.cells as unknown as Cells<unknown> }]
  const cells = new Map(parts.map((one) => [one.part, one.cells]))
  // Of what an earlier release had nothing is read.
  const watermark = await records.load(number, ({ part, key, at, value }) => cells.get(part)?.load(key, at, value))
  seen.restored()
  task.restored(watermark)
  // Of all that it will read nothing may be late because another partition came first. And how far each has come is known:
  // when nothing comes any more, time goes on from there.
  const newest = await records.newest()
  for (const node of topology.nodes) {
    const topic = node.source?.event.topic
    if (topic !== undefined)
      for (const partition of reads(topic)) task.open(node, partition, now, newest.get(`${topic}/${partition}`))
  }
  return { task, parts, seen, out }
}
