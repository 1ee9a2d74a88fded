import type { Node, Operator, OperatorHost } from '../graph.ts'
import type { Cells } from '../cells.ts'
import { createDue, type Due } from '../due.ts'
import { marks } from '../mark.ts'
import type { Policy } from '../windows.ts'
import { lateOf } from './late.ts'

/** Which side is handed on without a match. */
export type JoinKind = 'inner' | 'left' | 'outer'
export type Join = (left: unknown, right: unknown, key: string) => unknown

/** A right one matches when it is from `before` before the left one to `after` after it; milliseconds. */
export type Within = { readonly before: number; readonly after: number }

type Buffered = { readonly time: number; readonly value: unknown; matched: boolean }
type Open = { readonly key: string; readonly time: number }
type Side = {
  readonly cells: Cells<Buffered[]>
  /** Where matches of one of this side are on the other: from `before` before it to `after` after it. */
  readonly before: number
  readonly after: number
  /** When there were some that may stay without a match, by the key; undefined where nobody asks. */
  readonly open: Due<Open> | undefined
  readonly joined: (own: unknown, other: unknown, key: string) => unknown
}

/** Records of two streams with one key, near each other in time. */
export function streamJoinNode(
  name: string,
  inputs: readonly [Node, Node],
  options: { readonly kind: JoinKind; readonly within: Within; readonly late: Policy['late']; readonly join: Join },
): Node {
  const { kind, within, late } = options
  return {
    ...{ kind: `${kind} join of streams`, name, inputs, timed: 'records' },
    about: { ...within, late: typeof late === 'string' ? late : late.name },
    open: (host) => openJoin(host, options),
  }
}

function openJoin(
  host: OperatorHost,
  { kind, within: { before, after }, late, join }: Parameters<typeof streamJoinNode>[2],
): Operator {
  const { emit } = host
  const width = Math.max(before + after, 1)
  const buffer = (part: string, open: Due<Open> | undefined, wait: number): Pick<Side, 'cells' | 'open'> => ({
    open,
    cells: host.cells<Buffered[]>(part, (key, _, buffered) => {
      for (const { matched, time } of buffered) if (!matched) open?.add(time + wait, { key, time })
    }),
  })
  const left: Side = {
    ...buffer('left', kind === 'inner' ? undefined : createDue(), after),
    ...{ before, after, joined: join },
  }
  const right: Side = {
    ...buffer('right', kind === 'outer' ? createDue() : undefined, before),
    ...{ before: after, after: before, joined: (own, other, key) => join(other, own, key) },
  }
  const tooLate = lateOf(late, host)
  let closed = -Infinity
  let oldest = Infinity

  const pieceOf = (time: number): number => Math.floor(time / width) * width
  const put = (side: Side, key: string, one: Buffered): void => {
    const piece = pieceOf(one.time)
    const cell = side.cells.get(key, piece)
    if (cell === undefined) side.cells.put(key, [one], piece)
    else {
      cell.value!.push(one)
      side.cells.touch(cell)
    }
    oldest = Math.min(oldest, piece)
    if (!one.matched) side.open?.add(one.time + side.after, { key, time: one.time })
  }
  const receive =
    (own: Side, other: Side) =>
    (value: unknown, _: unknown, key: string, time: number): void => {
      if (time + own.after < closed) return tooLate(value, key, time)
      const one = { time, value, matched: false }
      const [from, to] = [time - own.before, time + own.after]
      for (let piece = pieceOf(from); piece <= to; piece += width) {
        const cell = other.cells.get(key, piece)
        if (cell === undefined) continue
        for (const met of cell.value!) {
          if (met.time < from || met.time > to) continue
          one.matched = true
          if (!met.matched) {
            met.matched = true
            other.cells.touch(cell)
          }
          emit(own.joined(value, met.value, key), undefined, key, Math.max(time, met.time))
        }
      }
      put(own, key, one)
    }
  const expire = ({ open, cells, joined }: Side, watermark: number): void => {
    for (let entry = open?.take(watermark); entry !== undefined; entry = open!.take(watermark)) {
      const { key, time } = entry
      const cell = cells.get(key, pieceOf(time))
      for (const one of cell?.value ?? []) {
        if (one.matched || one.time !== time) continue
        one.matched = true
        cells.touch(cell!)
        emit(joined(one.value, undefined, key), undefined, key, time)
      }
    }
  }

  return {
    receive: [receive(left, right), receive(right, left)],
    advance: (watermark) => {
      closed = watermark
      expire(left, watermark)
      expire(right, watermark)
      const until = width - 1 + before + after
      if (oldest + until >= watermark) return
      oldest = Infinity
      for (const { cells } of [left, right])
        for (const piece of [...cells.times()]) {
          if (piece + until < watermark) cells.drop(piece)
          else oldest = Math.min(oldest, piece)
        }
    },
    restored: (watermark) => {
      closed = watermark
      oldest = Math.min(Infinity, ...left.cells.times(), ...right.cells.times())
    },
    mark: marks(left.open?.mark, right.open?.mark, () => {
      const were = { closed, oldest }
      return () => void ({ closed, oldest } = were)
    }),
  }
}
