import { event, type EventType } from 'dure/contract'
import {
  hopping,
  session,
  sliding,
  stream,
  table,
  topology,
  tumbling,
  type Keyed,
  type Output,
  type Table,
  type WindowResult,
  type WindowShape,
} from 'dure/stream'
import { z } from 'zod'
import { testStream, type TestStream } from './streams.ts'

/** A record of one of two topics; a table takes one without a value as deleted. */
export type SideRecord = {
  readonly side: 'left' | 'right'
  readonly key: string
  readonly value: string | null
  readonly time: number
}

/** A topology that both are asked for, with its times in milliseconds. */
export type Case = {
  readonly kind: string
  readonly size?: number
  readonly advance?: number
  readonly before?: number
  readonly after?: number
  readonly grace: number
  readonly records: readonly SideRecord[]
}

/** What came out after the `step`-th record; `start` and `end` of windows. */
export type Said = {
  readonly step: number
  readonly key: string
  readonly value: string | null
  readonly time: number
  readonly start?: number
  readonly end?: number
}

type Side = { readonly key: string; readonly value: string | null }
const schema = z.object({ key: z.string(), value: z.string().nullable() })
type Sided = EventType<string, typeof schema>
const Left: Sided = event('left', { schema, key: ({ key }) => key })
const Right: Sided = event('right', { schema, key: ({ key }) => key })
const Out = event('out', { schema: z.unknown(), key: () => '' })

const pair = (left: Side | undefined, right: Side | undefined): string => `${left?.value ?? null}+${right?.value ?? null}`
/** Of a stream, Kafka Streams leaves out what has no value. */
const streamOf = (which: Sided, disorder: number): Keyed<Side> =>
  stream(which, { disorder })
    .byKey()
    .filter(({ value }) => value !== null)
const tableOf = (which: Sided): Table<Side> =>
  table(which, { name: `table-${which.name}`, isDeleted: ({ value }) => value === null })

/** The same topology as ours. `table`: its rows are in the view of that name. */
export function ours({ kind, grace, ...asked }: Case): { readonly output: Output; readonly table?: 'answer' } {
  const [what, how] = kind.split(' ') as [string, string]
  if (what === 'window') return { output: windowed(kind, asked.size!, asked.advance, grace), table: 'answer' }
  if (what === 'stream-stream') {
    const [left, right] = [streamOf(Left, grace), streamOf(Right, grace)]
    const within = { before: asked.before!, after: asked.after! }
    const options = { name: 'answer', within, late: 'drop', join: pair } as const
    if (how === 'inner') return { output: left.join(right, options).to(Out, (said) => said) }
    if (how === 'left') return { output: left.leftJoin(right, options).to(Out, (said) => said) }
    return { output: left.outerJoin(right, options).to(Out, (said) => said) }
  }
  if (what === 'stream-table') {
    const options = { name: 'answer', join: pair }
    const [left, right] = [streamOf(Left, grace), tableOf(Right)]
    return { output: (how === 'inner' ? left.join(right, options) : left.leftJoin(right, options)).to(Out, (said) => said) }
  }
  const [left, right] = [tableOf(Left), tableOf(Right)]
  const foreign = { name: 'answer', join: pair, on: ({ value }: Side) => value!.slice(0, value!.indexOf(':')) }
  const same = { name: 'answer', join: pair }
  if (what === 'foreign-key')
    return { output: how === 'inner' ? left.join(right, foreign) : left.leftJoin(right, foreign), table: 'answer' }
  if (how === 'inner') return { output: left.join(right, same), table: 'answer' }
  return { output: how === 'left' ? left.leftJoin(right, same) : left.outerJoin(right, same), table: 'answer' }
}

function windowed(kind: string, size: number, every: number | undefined, disorder: number): Table<WindowResult<string>> {
  const shape = shapeOf(kind, size, every)
  return streamOf(Left, disorder)
    .window(shape, { late: 'drop', results: kind.endsWith('final') ? 'final' : 'updates' })
    .aggregate({
      name: 'answer',
      init: (): readonly [number, number] => [0, 0],
      add: ([count, sum], { value }): readonly [number, number] => [count + 1, sum + Number(value)],
      merge: ([count, sum], [others, other]): readonly [number, number] => [count + others, sum + other],
      result: ([count, sum]) => `${count}/${sum}`,
    })
}

function shapeOf(kind: string, size: number, every: number | undefined): WindowShape {
  if (kind.includes('tumbling')) return tumbling(size)
  if (kind.includes('hopping')) return hopping(size, { every: every! })
  return kind.includes('session') ? session(size) : sliding(size)
}

/** Runs the records of a case through our topology, one after the other, and says what came out. */
export function said(asked: Case): readonly Said[] {
  const { output, table: name } = ours(asked)
  const { records } = asked
  const test = testStream(topology('answers', [output]), { start: records[0]?.time ?? 0 })
  const all: Said[] = []
  let seen = 0
  let before: ReadonlyMap<string, unknown> = new Map()
  const look = (step: number): void => {
    if (name === undefined) {
      const published = test.published(Out)
      for (const { data, key, time } of published.slice(seen)) all.push({ step, key, value: data as string, time })
      seen = published.length
      return
    }
    const now = new Map(test.view(name))
    for (const [key, row] of before) {
      // A session that has become longer has another end.
      const isGone = endOf(now.get(key)) !== endOf(row) || !now.has(key)
      if (isGone) all.push({ ...shown(step, key, row), value: null })
    }
    for (const [key, row] of now) if (before.get(key) !== row) all.push(shown(step, key, row))
    before = now
  }
  records.forEach((record, step) => {
    push(test, output, record)
    look(step)
  })
  test.end()
  look(records.length)
  return all
}

function push(test: TestStream, { node }: Output, { side, key, value, time }: SideRecord): void {
  const which = side === 'left' ? Left : Right
  // A window reads one side alone.
  if (which === Right && node.kind.includes('window')) return
  test.push(which, { key, value }, { time })
}

const endOf = (row: unknown): number | undefined => (row as { readonly end?: number } | undefined)?.end

function shown(step: number, key: string, row: unknown): Said {
  if (typeof row === 'string') return { step, key, value: row, time: 0 }
  const { key: own, value, start, end } = row as WindowResult<string>
  return { step, key: own, value, time: 0, start, end }
}
