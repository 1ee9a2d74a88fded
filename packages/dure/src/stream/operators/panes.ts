import type { Aggregation } from '../aggregation.ts'
import type { Node, Operator, OperatorHost } from '../graph.ts'
import type { Policy, WindowResult, WindowShape } from '../windows.ts'
import type { CellState, Span } from '../reading.ts'
import { marks } from '../mark.ts'
import { createTouched } from '../touched.ts'
import { aboutPolicy, lateOf, windowKey } from './late.ts'

type Hopping = Extract<WindowShape, { kind: 'hopping' }>
type Any = Aggregation<unknown, unknown, unknown>

/**
 * Windows of one size, whether they overlap or not. Each event is added to one pane, as long as the greatest common divisor of size and
 * step; a window that closes puts its panes together. So an event costs the same however many windows it is in.
 */
export function paneNode(name: string, input: Node, shape: Hopping, policy: Policy, aggregation: Any): Node {
  const { size, every, offset } = shape
  return {
    ...{ kind: 'window', name, inputs: [input], timed: 'windows' },
    about: { size, every, ...(offset > 0 && { offset }), ...aboutPolicy(policy) },
    read: { reach: size, values: (cells, key, span) => openWindows({ shape, policy, aggregation }, cells, key, span) },
    open: (host) => openPanes(host, shape, policy, aggregation),
  }
}

/** Where panes and windows begin and end. */
function panesOf({ size, every, offset }: Hopping) {
  const width = divisor(size, every)
  const paneOf = (time: number): number => Math.floor((time - offset) / width) * width + offset
  const firstEnd = (pane: number): number => (Math.floor((pane - size - offset) / every) + 1) * every + offset + size
  const lastEnd = (pane: number): number => Math.floor((pane - offset) / every) * every + offset + size
  /** The end of the first window of a pane that ends after a time. */
  const endAfter = (pane: number, time: number): number => {
    const first = firstEnd(pane)
    const end = first > time ? first : first + (Math.floor((time - first) / every) + 1) * every
    return end <= lastEnd(pane) ? end : Infinity
  }
  return { width, paneOf, firstEnd, lastEnd, endAfter }
}

/** The state of a window, of those of its panes; undefined where it has none. */
function mergedOf(
  { size, width }: { readonly size: number; readonly width: number },
  { merge }: Any,
  end: number,
  stateOf: (pane: number) => unknown,
): unknown {
  let state: unknown
  for (let pane = end - size; pane < end; pane += width) {
    const value = stateOf(pane)
    if (value !== undefined) state = state === undefined ? value : merge!(state, value)
  }
  return state
}

/** What is known of a key's windows that begin in a span, and that events may still change. */
function* openWindows(
  of: { readonly shape: Hopping; readonly policy: Policy; readonly aggregation: Any },
  cells: readonly CellState[],
  key: string,
  { from, to, watermark }: Span,
): Generator<WindowResult<unknown>> {
  const { shape, policy, aggregation } = of
  const { size, every } = shape
  const { result = (state: unknown) => state } = aggregation
  const { width, firstEnd, lastEnd } = panesOf(shape)
  const states = new Map(cells.map(({ at, value }) => [at, value]))
  let last = -Infinity
  for (const { at } of cells)
    for (let end = Math.max(firstEnd(at), last + every); end <= lastEnd(at); end += every) {
      last = end
      const start = end - size
      if (start < from || start > to || end + policy.grace <= watermark) continue
      const state = mergedOf({ size, width }, aggregation, end, (pane) => states.get(pane))
      yield { key, start, end, value: result(state, key) }
    }
}

function openPanes(host: OperatorHost, shape: Hopping, policy: Policy, aggregation: Any): Operator {
  const { size, every } = shape
  const { emit } = host
  const { init, add, result = (state: unknown) => state } = aggregation
  const { grace, results } = policy
  const { width, paneOf, firstEnd, lastEnd, endAfter } = panesOf(shape)
  const cells = host.cells<unknown>()
  const told = results === 'early' ? host.cells<unknown>('early') : undefined
  const touched = createTouched()
  const tooLate = lateOf(policy.late, host)
  /** Windows that end at or before this are closed. */
  let closed = -Infinity
  /** The end of the next window to close, and when the oldest pane is needed no more. */
  let next = Infinity
  let oldest = Infinity
  let toldAt = -Infinity

  const shown = (key: string, end: number): WindowResult<unknown> | undefined => {
    const state = mergedOf({ size, width }, aggregation, end, (pane) => cells.get(key, pane)?.value)
    return state === undefined ? undefined : { key, start: end - size, end, value: result(state, key) }
  }
  const put = (pane: number, key: string, value: unknown): void => {
    const cell = cells.get(key, pane)
    if (cell === undefined) {
      cells.put(key, add(init(), value, key), pane)
      next = Math.min(next, endAfter(pane, closed))
      oldest = Math.min(oldest, lastEnd(pane) + grace)
    } else {
      cell.value = add(cell.value, value, key)
      cells.touch(cell)
    }
  }
  const keysOf = (end: number): Iterable<string> => {
    if (width === size) return cells.bucket(end - size)?.keys() ?? []
    const keys = new Set<string>()
    for (let pane = end - size; pane < end; pane += width) for (const key of cells.bucket(pane)?.keys() ?? []) keys.add(key)
    return keys
  }
  const close = (end: number): void => {
    if (results === 'updates') return
    for (const key of keysOf(end)) {
      const before = told?.get(key, end - size)?.value
      emit(shown(key, end), before, windowKey(key, end - size), end - 1)
    }
    told?.drop(end - size)
  }
  const withChanges = (pane: number, key: string, value: unknown, time: number): void => {
    // Windows that are closed are corrected; all that are open are told again where every change is.
    const ends: number[] = []
    for (let end = firstEnd(pane); end <= lastEnd(pane); end += every)
      if (results === 'updates' ? end + grace > closed : end <= closed && end + grace > closed) ends.push(end)
    const before = ends.map((end) => shown(key, end))
    put(pane, key, value)
    ends.forEach((end, at) =>
      emit(shown(key, end), before[at], windowKey(key, end - size), results === 'updates' ? time : end - 1),
    )
  }

  return {
    receive: [
      (value, _, key, time) => {
        const pane = paneOf(time)
        if (lastEnd(pane) + grace <= closed) return tooLate(value, key, time)
        if (results === 'updates' || (grace > 0 && firstEnd(pane) <= closed)) withChanges(pane, key, value, time)
        else put(pane, key, value)
        if (told !== undefined) touched.add(pane, key)
      },
    ],
    advance: (watermark) => {
      while (next <= watermark && next < Infinity) {
        const end = next
        closed = end
        close(end)
        next = Infinity
        for (const pane of cells.times()) next = Math.min(next, endAfter(pane, end))
      }
      closed = watermark
      if (oldest > watermark) return
      oldest = Infinity
      for (const pane of [...cells.times()]) {
        const until = lastEnd(pane) + grace
        if (until <= watermark) cells.drop(pane)
        else oldest = Math.min(oldest, until)
      }
    },
    tick:
      told &&
      ((now) => {
        if (now - toldAt < policy.early || now === Infinity) return
        toldAt = now
        for (const [pane, keys] of touched.take())
          for (const key of keys)
            for (let end = firstEnd(pane); end <= lastEnd(pane); end += every) {
              if (end <= closed) continue
              const before = told.get(key, end - size)?.value
              const after = shown(key, end)
              if (after === undefined) continue
              told.put(key, after, end - size)
              emit(after, before, windowKey(key, end - size), end - 1)
            }
      }),
    restored: (watermark) => {
      closed = watermark
      for (const pane of cells.times()) {
        next = Math.min(next, endAfter(pane, closed))
        oldest = Math.min(oldest, lastEnd(pane) + grace)
      }
    },
    mark: marks(touched.mark, () => {
      const were = { closed, next, oldest, toldAt }
      return () => void ({ closed, next, oldest, toldAt } = were)
    }),
  }
}

function divisor(one: number, other: number): number {
  return other === 0 ? one : divisor(other, one % other)
}
