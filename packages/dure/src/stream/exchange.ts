import type { Message } from '../contract/contract.ts'
import { unknownFromJson, unknownToJson } from '../contract/internal.ts'
import { partitionOf } from '../messaging/internal.ts'
import type { Node, Receive } from './graph.ts'
import type { Stage } from './cut.ts'

/** What led to a record, as what is made of it says. */
export type Cause = Pick<Message, 'id' | 'correlationId' | 'traceparent' | 'initiator'>

/** A record on its way to the task that has its key. */
export type Handed = {
  /** Which node of another stage hands it on, by the name that its stage knows. */
  readonly edge: string
  readonly key: string
  readonly time: number
  readonly next: unknown
  readonly before: unknown
  readonly cause: Cause | undefined
}

/** Records of one batch for one task, in order, as text. */
export type HandedText = { readonly stage: string; readonly partition: number; readonly text: string }

/** What a task hands on, until it is committed. */
export type Handing = {
  readonly to: (node: Node) => Receive | undefined
  /** All since this was asked last. `causeOf`: what led to a record, by where the task was. */
  readonly take: (causeOf: (at: number) => Cause | undefined) => readonly HandedText[]
  readonly clear: () => void
}

/** Characters of one text, about: whoever reads it has all of it in memory. */
const LONGEST = 1_000_000

/** One record as it waits: what was told of it is text at once, because an aggregate may change its state in place. */
type Waiting = { readonly at: number; readonly text: string }

export function createHanding(
  { sends }: Pick<Stage, 'sends'>,
  { partitions, at }: { readonly partitions: number; readonly at: () => number },
): Handing {
  const waiting = new Map<string, { readonly stage: string; readonly partition: number; readonly records: Waiting[] }>()
  const put = (stage: string, partition: number, record: Waiting): void => {
    const place = `${partition} ${stage}`
    const there = waiting.get(place)
    if (there === undefined) waiting.set(place, { stage, partition, records: [record] })
    else there.records.push(record)
  }
  return {
    to: (node) => {
      const targets = sends.get(node)
      if (targets === undefined) return undefined
      return (next, before, key, time) => {
        for (const { stage, edge } of targets) {
          const record = [edge, time, key, unknownToJson(next), ...(before === undefined ? [] : [unknownToJson(before)])]
          put(stage, partitionOf(key, partitions), { at: at(), text: JSON.stringify(record) })
        }
      }
    },
    take: (causeOf) => {
      const all = [...waiting.values()].flatMap(({ stage, partition, records }) =>
        textsOf(records, causeOf).map((text) => ({ stage, partition, text })),
      )
      waiting.clear()
      return all
    },
    clear: () => waiting.clear(),
  }
}

/** `[[causes], [[index of a cause, -1 for none, record], …]]`, in pieces. */
function textsOf(records: readonly Waiting[], causeOf: (at: number) => Cause | undefined): readonly string[] {
  const texts: string[] = []
  let [causes, indices, parts, length] = [[] as Cause[], new Map<number, number>(), [] as string[], 0]
  const end = (): void => {
    if (parts.length > 0) texts.push(`[${JSON.stringify(causes)},[${parts.join(',')}]]`)
    ;[causes, indices, parts, length] = [[], new Map(), [], 0]
  }
  for (const { at, text } of records) {
    if (length + text.length > LONGEST) end()
    let index = indices.get(at)
    if (index === undefined) {
      const cause = causeOf(at)
      index = cause === undefined ? -1 : causes.length
      indices.set(at, index)
      if (cause !== undefined) {
        const { id, correlationId, traceparent, initiator } = cause
        causes.push({ id, correlationId, traceparent, initiator })
      }
    }
    parts.push(`[${index},${text}]`)
    length += text.length
  }
  end()
  return texts
}

/** The records of a text, as they were handed on. */
export function handedOf(text: string): readonly Handed[] {
  const [causes, records] = JSON.parse(text) as [readonly Cause[], readonly [number, readonly unknown[]][]]
  return records.map(([cause, [edge, time, key, next, before]]) => ({
    ...{ edge: String(edge), key: String(key), time: Number(time), cause: causes[cause] },
    ...{ next: unknownFromJson(next), before: unknownFromJson(before) },
  }))
}

/** One record as a text of its own: what cannot be taken waits so until somebody looks at it. */
export function handedText({ edge, key, time, next, before, cause }: Handed): string {
  const text = JSON.stringify([edge, time, key, unknownToJson(next), ...(before === undefined ? [] : [unknownToJson(before)])])
  return textsOf([{ at: 0, text }], () => cause)[0]!
}
