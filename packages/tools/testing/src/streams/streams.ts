import type { AnyEvent, EventData } from 'dure/contract'
import type { Duration, Topology } from 'dure/stream'
import { millisecondsOf, openTask, sourcesOf, type InputRecord } from 'dure/stream/internal'

/** When a test's event was, and where it comes from. */
export type PushOptions = {
  /** Milliseconds since the epoch. Default: what the clock says. */
  readonly time?: number
  /** Default: as the event says. */
  readonly key?: string
  readonly partition?: number
}

/** One event of several. */
export type Pushed<E extends AnyEvent> = { readonly data: EventData<E> } & PushOptions

/** What was published: the data as an operator made them, with the time of the record that it was made of. */
export type PublishedRecord<E extends AnyEvent> = { readonly data: EventData<E>; readonly key: string; readonly time: number }

/** A topology under test: given events, and time, it says what came of it. All at once; nothing runs by itself. */
export type TestStream = {
  /** Given one event. The clock goes on to its time, when that is later and its source allows it. */
  readonly push: <E extends AnyEvent>(event: E, data: EventData<E>, options?: PushOptions) => void
  /** Given some, as one batch of a partition each. */
  readonly pushAll: <E extends AnyEvent>(event: E, records: readonly Pushed<E>[]) => void
  /** Time goes by in which nothing comes: partitions become idle, and windows close. */
  readonly advance: (by: Duration) => void
  /** Nothing comes any more, of anything: all windows close. */
  readonly end: () => void
  /** What was published of an event so far, in order. */
  readonly published: <E extends AnyEvent>(event: E) => readonly PublishedRecord<E>[]
  /** What the operator of this name has told of each key, as of now. Of windows: by `key@start`, those that closed as well. */
  readonly view: (name: string) => ReadonlyMap<string, unknown>
  /** Events set aside because of their time, and those that were dropped because they were late, by operator. */
  readonly counts: () => { readonly records: number; readonly aside: number; readonly late: Readonly<Record<string, number>> }
  /** Nothing older than this is waited for; milliseconds since the epoch. */
  readonly watermark: () => number
}

/**
 * Runs a topology for one test: no broker, no store, and time goes on when it is told to.
 * @param options `start`: what the clock says at first (default: the time of the first event); `partitions`: of each source (default 1)
 *
 * @example
 * ```ts
 * import { testStream } from '@dure/testing'
 * import { event } from 'dure/contract'
 * import { stream, topology, tumbling } from 'dure/stream'
 * import { z } from 'zod'
 *
 * const Sold = event('item.sold', { schema: z.object({ seller: z.string(), cents: z.int() }), key: ({ seller }) => seller })
 * const totals = stream(Sold)
 *   .byKey()
 *   .window(tumbling('10m'), { late: 'drop' })
 *   .aggregate({ name: 'totals', init: () => 0, add: (sum, { cents }) => sum + cents })
 *
 * const test = testStream(topology('sales', [totals]), { start: 0 })
 * test.push(Sold, { seller: 's-1', cents: 500 }, { time: 1_000 })
 * test.push(Sold, { seller: 's-1', cents: 700 }, { time: 2_000 })
 * console.log(test.view('totals').size) // → 0
 * test.advance('11m')
 * console.log(test.view('totals').get('s-1@0')) // → { key: 's-1', start: 0, end: 600000, value: 1200 }
 * ```
 */
export function testStream(
  topology: Topology,
  { start, partitions = 1 }: { readonly start?: number; readonly partitions?: number } = {},
): TestStream {
  const sources = sourcesOf(topology)
  const published = new Map<AnyEvent, { data: unknown; key: string; time: number }[]>()
  const views = new Map<string, Map<string, unknown>>()
  let now = start ?? -Infinity
  const nodeOf = (event: AnyEvent) => {
    const node = sources.get(event)
    if (node !== undefined) return node
    throw new TypeError(
      `Cannot push "${event.name}": topology "${topology.name}" does not read it; it reads ${[...sources.keys()].map(({ name }) => `"${name}"`).join(', ')}`,
    )
  }
  const task = openTask({
    nodes: topology.nodes,
    now,
    publish: (event, data, key, time) => {
      const list = published.get(event)
      if (list === undefined) published.set(event, [{ data, key, time }])
      else list.push({ data, key, time })
    },
    observe: (name) => {
      const view = new Map<string, unknown>()
      views.set(name, view)
      return (next, _, key) => void (next === undefined ? view.delete(key) : view.set(key, next))
    },
  })
  const open = (): void => {
    for (const node of sources.values())
      for (let partition = 0; partition < partitions; partition++) task.open(node, partition, now)
  }
  let opened = false

  const pushAll: TestStream['pushAll'] = (event, records) => {
    const node = nodeOf(event)
    const { of, ahead } = node.source!.time
    const batches = new Map<number, InputRecord[]>()
    for (const { data, time = now === -Infinity ? 0 : now, key = event.key(data), partition = 0 } of records) {
      const at = of?.(data) ?? time
      if (now === -Infinity || (at > now && at <= now + ahead)) now = at
      const batch = batches.get(partition)
      const record = { value: data, key, time }
      if (batch === undefined) batches.set(partition, [record])
      else batch.push(record)
    }
    if (!opened) open()
    opened = true
    for (const [partition, batch] of batches) task.process(node, partition, batch, now)
  }

  return {
    push: (event, data, options = {}) => pushAll(event, [{ data, ...options }]),
    pushAll,
    advance: (by) => {
      now = (now === -Infinity ? 0 : now) + millisecondsOf('advance the clock', 'by', by)
      task.tick(now)
    },
    end: () => task.end(),
    published: (event) => (published.get(event) ?? []) as never,
    view: (name) => {
      const view = views.get(name)
      if (view !== undefined) return view
      throw new TypeError(
        `Cannot view "${name}": topology "${topology.name}" has ${[...views.keys()].map((one) => `"${one}"`).join(', ')}`,
      )
    },
    counts: () => ({ ...task.counts, late: Object.fromEntries(task.counts.late) }),
    watermark: () => task.watermark.now(),
  }
}
