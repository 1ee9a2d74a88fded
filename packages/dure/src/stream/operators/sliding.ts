import type { Aggregation } from '../aggregation.ts'
import type { Node, Operator, OperatorHost } from '../graph.ts'
import { createDue } from '../due.ts'
import { marks } from '../mark.ts'
import type { Policy, WindowResult } from '../windows.ts'
import type { CellState, Span } from '../reading.ts'
import { aboutPolicy, lateOf, windowKey } from './late.ts'

type Entry = { readonly time: number; readonly value: unknown }
type Any = Aggregation<unknown, unknown, unknown>

/** A window for every event: from `size` before it up to it, both included. */
export function slidingNode(name: string, input: Node, size: number, policy: Policy, aggregation: Any): Node {
  return {
    ...{ kind: 'sliding window', name, inputs: [input], timed: 'windows', about: { size, ...aboutPolicy(policy) } },
    read: { reach: 2 * size, values: (cells, key, span) => openWindows({ size, policy, aggregation }, cells, key, span) },
    open: (host) => openSliding(host, size, policy, aggregation),
  }
}

/** What is made of those of `entries` that are in the window. */
function windowOf(
  { size, aggregation }: { readonly size: number; readonly aggregation: Any },
  key: string,
  end: number,
  entries: Iterable<Entry>,
): WindowResult<unknown> {
  const { init, add, result = (state: unknown) => state } = aggregation
  let state = init()
  for (const { time, value } of entries) if (time >= end - size && time <= end) state = add(state, value, key)
  return { key, start: end - size, end, value: result(state, key) }
}

/** What is known of a key's windows that begin in a span, and that events may still change. */
function* openWindows(
  of: { readonly size: number; readonly policy: Policy; readonly aggregation: Any },
  cells: readonly CellState[],
  key: string,
  { from, to, watermark }: Span,
): Generator<WindowResult<unknown>> {
  const { size, policy } = of
  const entries = cells.flatMap(({ value }) => value as readonly Entry[])
  for (const end of new Set(entries.map(({ time }) => time)))
    if (end - size >= from && end - size <= to && end + policy.grace >= watermark) yield windowOf(of, key, end, entries)
}

function openSliding(host: OperatorHost, size: number, policy: Policy, aggregation: Any): Operator {
  const { emit } = host
  const { grace, results } = policy
  const due = createDue<{ readonly key: string; readonly time: number }>()
  /** What came, in order of time, in pieces as long as the window. */
  const cells = host.cells<Entry[]>('', (key, _, entries, watermark) => {
    if (results === 'updates') return
    for (const time of new Set(entries.map((entry) => entry.time))) if (time >= watermark) due.add(time, { key, time })
  })
  const tooLate = lateOf(policy.late, host)
  let closed = -Infinity
  let oldest = Infinity

  const pieceOf = (time: number): number => Math.floor(time / size) * size
  const between = function* (key: string, from: number, to: number): Generator<Entry> {
    for (let piece = pieceOf(from); piece <= to; piece += size)
      for (const entry of cells.get(key, piece)?.value ?? []) if (entry.time >= from && entry.time <= to) yield entry
  }
  const shown = (key: string, end: number): WindowResult<unknown> =>
    windowOf({ size, aggregation }, key, end, between(key, end - size, end))
  const put = (key: string, entry: Entry): void => {
    const piece = pieceOf(entry.time)
    const cell = cells.get(key, piece)
    oldest = Math.min(oldest, piece)
    if (cell === undefined) return void cells.put(key, [entry], piece)
    const list = cell.value!
    let at = list.length
    while (at > 0 && list[at - 1]!.time > entry.time) at--
    list.splice(at, 0, entry)
    cells.touch(cell)
  }
  const endsOf = (key: string, time: number): number[] => [
    ...new Set(Array.from(between(key, time, time + size), (entry) => entry.time)),
  ]

  return {
    receive: [
      (value, _, key, time) => {
        if (time + size + grace < closed) return tooLate(value, key, time)
        // Its own window may be closed while later ones, which it is in as well, are not.
        const isOpen = time + grace >= closed
        const ends = endsOf(key, time).filter((end) =>
          results === 'updates' ? end + grace >= closed : end < closed && end + grace >= closed,
        )
        const before = new Map(ends.map((end) => [end, shown(key, end)]))
        const isNew = !endsOf(key, time).includes(time)
        put(key, { time, value })
        if (isOpen && (results === 'updates' || time < closed)) before.set(time, before.get(time)!)
        else if (isOpen && isNew) due.add(time, { key, time })
        for (const [end, was] of before) emit(shown(key, end), was, windowKey(key, end - size), end)
      },
    ],
    advance: (watermark) => {
      for (let one = due.take(watermark); one !== undefined; one = due.take(watermark))
        emit(shown(one.key, one.time), undefined, windowKey(one.key, one.time - size), one.time)
      closed = watermark
      if (oldest + 2 * size + grace >= watermark) return
      for (const piece of [...cells.times()]) if (piece + 2 * size + grace < watermark) cells.drop(piece)
      oldest = Math.min(Infinity, ...cells.times())
    },
    restored: (watermark) => {
      closed = watermark
      oldest = Math.min(Infinity, ...cells.times())
    },
    mark: marks(due.mark, () => {
      const were = { closed, oldest }
      return () => void ({ closed, oldest } = were)
    }),
  }
}
