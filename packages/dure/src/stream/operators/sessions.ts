import type { Aggregation } from '../aggregation.ts'
import type { Node, Operator, OperatorHost } from '../graph.ts'
import { createDue } from '../due.ts'
import { marks } from '../mark.ts'
import { createTouched } from '../touched.ts'
import type { Policy, WindowResult } from '../windows.ts'
import type { Reading } from '../reading.ts'
import { aboutPolicy, lateOf, windowKey } from './late.ts'

/** `last`: when its last event was. `told`: what was handed on of it. `final`: it was handed on as it closed. */
type Session = {
  readonly start: number
  last: number
  state: unknown
  told: WindowResult<unknown> | undefined
  final: boolean
}
type Any = Aggregation<unknown, unknown, unknown>

/** Windows of what comes in a row: two events are in one when no more than the gap is between them, or others fill it. */
export function sessionNode(name: string, input: Node, gap: number, policy: Policy, aggregation: Any): Node {
  return {
    ...{ kind: 'session window', name, inputs: [input], timed: 'windows', about: { gap, ...aboutPolicy(policy) } },
    read: readingOf(gap, policy, aggregation),
    open: (host) => openSessions(host, gap, policy, aggregation),
  }
}

function shownBy(gap: number, { result = (state) => state }: Any): (key: string, session: Session) => WindowResult<unknown> {
  return (key, { start, last, state }) => ({ key, start, end: last + gap, value: result(state, key) })
}

/** Sessions that are not over, or that events may still change. */
function readingOf(gap: number, { grace }: Policy, aggregation: Any): Reading {
  const shown = shownBy(gap, aggregation)
  return {
    reach: Infinity,
    values: (cells, key, { from, to, watermark }) =>
      cells
        .flatMap(({ value }) => value as readonly Session[])
        .filter(({ start, last }) => start >= from && start <= to && last + gap + grace >= watermark)
        .map((one) => shown(key, one)),
  }
}

function openSessions(host: OperatorHost, gap: number, policy: Policy, aggregation: Any): Operator {
  const { emit } = host
  const { init, add, merge } = aggregation
  const { grace, results } = policy
  const looks = createLooks()
  /** Of each key, in order of time. */
  const cells = host.cells<Session[]>('', (key, _, list) => {
    for (const one of list) lookFor(key, one)
  })
  const touched = createTouched()
  const tooLate = lateOf(policy.late, host)
  let closed = -Infinity
  let toldAt = -Infinity

  const isClosed = ({ last }: Session): boolean => last + gap < closed
  const lookFor = (key: string, { last, final }: Session): void => looks.add(key, last + gap + (final ? grace : 0))
  const shown = shownBy(gap, aggregation)
  /** Hands on what was made of these: at once where that is wanted, or it is closed. */
  const tell = (key: string, one: Session, met: readonly Session[], time: number): void => {
    one.final = isClosed(one)
    const isShown = results === 'updates' || one.final
    const told = met.flatMap((each) => each.told ?? [])
    const same = isShown || results === 'early' ? told.find(({ start }) => start === one.start) : undefined
    for (const was of told) if (was !== same) emit(undefined, was, windowKey(key, was.start), time)
    one.told = isShown ? shown(key, one) : same
    if (isShown) emit(one.told, same, windowKey(key, one.start), time)
  }

  return {
    receive: [
      (value, _, key, time) => {
        const cell = cells.get(key)
        const list = cell?.value ?? []
        const newest = list.at(-1)
        if (
          results === 'final' &&
          newest?.final === false &&
          time >= newest.start &&
          time <= newest.last + gap &&
          newest.last + gap >= closed
        ) {
          // The usual case: the last one goes on, and nobody has been told of it.
          newest.state = add(newest.state, value, key)
          newest.last = Math.max(newest.last, time)
          cells.touch(cell!)
          return
        }
        let from = list.length
        while (from > 0 && list[from - 1]!.last + gap >= time) from--
        let to = from
        while (to < list.length && list[to]!.start - gap <= time) to++
        if (from === to && time + gap + grace < closed) return tooLate(value, key, time)
        const met = list.slice(from, to)
        const { start = time, state = init() } = met[0] ?? {}
        const { last = time } = met.at(-1) ?? {}
        const one: Session = {
          start: Math.min(time, start),
          last: Math.max(time, last),
          state: add(
            met.slice(1).reduce((all, each) => merge!(all, each.state), state),
            value,
            key,
          ),
          ...{ told: undefined, final: false },
        }
        list.splice(from, to - from, one)
        if (cell === undefined) cells.put(key, list)
        else cells.touch(cell)
        tell(key, one, met, time)
        if (results === 'early') touched.add(0, key)
        lookFor(key, one)
      },
    ],
    advance: (watermark) => {
      closed = watermark
      for (let key = looks.take(watermark); key !== undefined; key = looks.take(watermark)) {
        const cell = cells.get(key)
        if (cell === undefined) continue
        const list = cell.value!
        for (const one of list) {
          if (!isClosed(one) || one.final) continue
          one.final = true
          if (results === 'updates') continue
          const now = shown(key, one)
          emit(now, one.told, windowKey(key, one.start), now.end)
          one.told = now
        }
        const left = list.filter(({ last }) => last + gap + grace >= watermark)
        if (left.length === 0) {
          cells.remove(cell)
          continue
        }
        cell.value = left
        cells.touch(cell)
        for (const one of left) lookFor(key, one)
      }
    },
    tick:
      results === 'early'
        ? (now) => {
            if (now - toldAt < policy.early || now === Infinity) return
            toldAt = now
            for (const key of touched.take().get(0) ?? []) {
              const cell = cells.get(key)
              for (const one of cell?.value ?? []) {
                if (isClosed(one)) continue
                const next = shown(key, one)
                emit(next, one.told, windowKey(key, one.start), one.last)
                one.told = next
                cells.touch(cell!)
              }
            }
          }
        : undefined,
    restored: (watermark) => void (closed = watermark),
    mark: marks(looks.mark, touched.mark, () => {
      const were = { closed, toldAt }
      return () => void ({ closed, toldAt } = were)
    }),
  }
}

/** When keys are to be looked at: of each the first time alone counts. */
function createLooks() {
  const due = createDue<{ readonly key: string; readonly at: number }>()
  const first = new Map<string, number>()
  /** What was there of keys that were changed since the last mark, the latest change last. */
  let before: (readonly [key: string, at: number | undefined])[] | undefined
  return {
    add: (key: string, at: number): void => {
      const known = first.get(key)
      if (known !== undefined && known <= at) return
      before?.push([key, known])
      first.set(key, at)
      due.add(at, { key, at })
    },
    /** The next key that is due before a time. */
    take: (time: number): string | undefined => {
      for (let entry = due.take(time); entry !== undefined; entry = due.take(time)) {
        if (first.get(entry.key) !== entry.at) continue
        before?.push([entry.key, entry.at])
        first.delete(entry.key)
        return entry.key
      }
      return undefined
    },
    mark: (): (() => void) => {
      const undue = due.mark()
      const own = (before = [] as (readonly [string, number | undefined])[])
      return () => {
        for (const [key, at] of own.toReversed()) {
          if (at === undefined) first.delete(key)
          else first.set(key, at)
        }
        before = undefined
        undue()
      }
    },
  }
}
