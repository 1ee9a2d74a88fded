import type { DatabaseSync } from 'node:sqlite'
import { beginFinding, SLACK, wantedOf, type Finding } from '../find.ts'
import type { FindBy, FindOptions, Found } from '../found.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { Partition } from './partition.ts'
import { messageFrom, MESSAGE_COLUMNS, selectMessages } from './rows.ts'
import type { Topics } from './topics.ts'

/** Rows that are looked at before others have their turn: some milliseconds. */
const ROWS = 4_096

const TRACE = 'substr(traceparent, 4, 32)'
/** Where each search stands in a row; `wanted` is the list of what is looked for. */
const CONDITIONS: Readonly<Record<string, string>> = {
  correlationId: 'correlation_id IN wanted',
  id: 'id IN wanted',
  key: 'key IN wanted',
  traceId: `${TRACE} IN wanted`,
  any: `(id IN wanted OR key IN wanted OR correlation_id IN wanted OR ${TRACE} IN wanted)`,
  text: 'EXISTS (SELECT 1 FROM wanted WHERE instr(data, wanted.value) > 0)',
}

/** Looks through the tables of topics, and through what nobody has done yet of queues: it stays where it is. */
export function createFind({
  db,
  topics,
  runtime,
}: {
  readonly db: DatabaseSync
  readonly topics: Topics
  readonly runtime: Runtime
}): (options: FindOptions) => Promise<Found> {
  const lookAt = async (finding: Finding, { by, since }: FindOptions, partition: Partition): Promise<void> => {
    const first = since === undefined ? partition.floor() : partition.offsetAt(since - SLACK)
    const { condition, value } = conditionOf(by)
    for (let from = first; from < partition.next() && finding.goesOn(); from += ROWS) {
      for (const { offset: _, ...one } of partition.find({ from, to: from + ROWS, condition, value }))
        if (finding.wanted(one.message) && !finding.add({ ...one, on: 'topic', topic: partition.topic })) return
      await new Promise<void>((resolve) => void runtime.timers.soon(resolve))
    }
  }

  const lookInto = async (finding: Finding, { by }: FindOptions, queue: string): Promise<void> => {
    const { condition, value } = conditionOf(by)
    const page = selectMessages(
      db,
      `WITH wanted (value) AS (SELECT value FROM json_each(?)) SELECT seq, delay, ${MESSAGE_COLUMNS} FROM work WHERE queue = (SELECT id FROM queues WHERE name = ?) AND seq > ? AND seq <= ? AND ${condition} ORDER BY seq`,
    )
    const ends = db.prepare('SELECT coalesce(min(seq), 1) AS first, coalesce(max(seq), 0) AS last FROM work').get()!
    for (let from = Number(ends['first']) - 1; from < Number(ends['last']) && finding.goesOn(); from += ROWS) {
      for (const row of page.all(value, queue, from, from + ROWS)) {
        const message = messageFrom(row, queue)
        if (finding.wanted(message) && !finding.add({ message, on: 'queue', queue })) return
      }
      await new Promise<void>((resolve) => void runtime.timers.soon(resolve))
    }
  }

  return async (options) => {
    const finding = beginFinding(options, runtime)
    for (const name of new Set(options.topics))
      for (const partition of topics.get(name)?.partitions ?? []) await lookAt(finding, options, partition)
    for (const name of new Set(options.queues)) await lookInto(finding, options, name)
    return finding.found([])
  }
}

function conditionOf(by: FindBy): { readonly condition: string; readonly value: string } {
  const { name, values } = wantedOf(by)
  return { condition: CONDITIONS[name]!, value: JSON.stringify(values) }
}
