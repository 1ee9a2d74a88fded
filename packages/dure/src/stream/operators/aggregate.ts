import type { Aggregation, ChangingAggregation } from '../aggregation.ts'
import type { Node } from '../graph.ts'
import { eachCell } from '../reading.ts'

type Any = Aggregation<unknown, unknown, unknown>
type Changing = ChangingAggregation<unknown, unknown, unknown>

const itself = (state: unknown): unknown => state

/** One state for each key, of all that ever came. A table. */
export function aggregateNode(name: string, input: Node, { init, add, result = itself }: Any): Node {
  return {
    ...{ kind: 'aggregate', name, inputs: [input], about: {}, read: eachCell(result) },
    open: ({ emit, cells }) => {
      const states = cells<unknown>()
      return {
        receive: [
          (next, _, key, time) => {
            const cell = states.get(key)
            if (cell === undefined) {
              const state = add(init(), next, key)
              states.put(key, state)
              emit(result(state, key), undefined, key, time)
              return
            }
            const before = result(cell.value, key)
            const state = add(cell.value, next, key)
            cell.value = state
            states.touch(cell)
            emit(result(state, key), before, key, time)
          },
        ],
      }
    },
  }
}

/** The values of a table put together by other keys: what changes is taken from the one and added to the other. A table. */
export function regroupedNode(name: string, input: Node, { init, add, remove, result = itself }: Changing): Node {
  return {
    ...{ kind: 'aggregate table', name, inputs: [input], about: {} },
    read: eachCell((cell, key) => result((cell as { readonly state: unknown }).state, key)),
    open: ({ emit, cells }) => {
      const states = cells<{ readonly count: number; readonly state: unknown }>()
      return {
        receive: [
          (next, before, key, time) => {
            const cell = states.get(key)
            const shown = cell?.value === undefined ? undefined : result(cell.value.state, key)
            let { count, state } = cell?.value ?? { count: 0, state: init() }
            if (before !== undefined && count > 0) {
              state = remove(state, before, key)
              count--
            }
            if (next !== undefined) {
              state = add(state, next, key)
              count++
            }
            if (count > 0) {
              states.put(key, { count, state })
              emit(result(state, key), shown, key, time)
            } else if (cell !== undefined) {
              states.remove(cell)
              emit(undefined, shown, key, time)
            }
          },
        ],
      }
    },
  }
}

/** The latest value of each key, in the order of its partition. A table. */
export function latestNode(name: string, input: Node, isDeleted?: (value: unknown) => boolean): Node {
  return {
    ...{ kind: 'table', name, inputs: [input], about: {}, read: eachCell(itself) },
    open: ({ emit, cells }) => {
      const latest = cells<unknown>()
      return {
        receive: [
          (next, _, key, time) => {
            const cell = latest.get(key)
            const before = cell?.value
            if (next !== undefined && isDeleted?.(next) !== true) {
              latest.put(key, next)
              emit(next, before, key, time)
            } else if (cell !== undefined) {
              latest.remove(cell)
              emit(undefined, before, key, time)
            }
          },
        ],
      }
    },
  }
}

/** Lets the first of each key through, and another one when it is later than that by `within`, or ever. */
export function dedupeNode(name: string, input: Node, within: number): Node {
  const pieceOf = (time: number): number => (within === Infinity ? 0 : Math.floor(time / within) * within)
  return {
    ...{ kind: 'dedupe', name, inputs: [input], about: { within } },
    open: ({ emit, cells }) => {
      const seen = cells<number>()
      let oldest = Infinity
      const isNear = (key: string, piece: number, time: number): boolean => {
        const first = seen.get(key, piece)?.value
        return first !== undefined && Math.abs(time - first) < within
      }
      return {
        receive: [
          (next, before, key, time) => {
            const piece = pieceOf(time)
            if (
              isNear(key, piece, time) ||
              (within !== Infinity && (isNear(key, piece - within, time) || isNear(key, piece + within, time)))
            )
              return
            seen.put(key, time, piece)
            oldest = Math.min(oldest, piece)
            emit(next, before, key, time)
          },
        ],
        advance: (watermark) => {
          if (within === Infinity || oldest + 2 * within > watermark) return
          for (const at of [...seen.times()]) if (at + 2 * within <= watermark) seen.drop(at)
          oldest = Math.min(Infinity, ...seen.times())
        },
        restored: () => void (oldest = Math.min(Infinity, ...seen.times())),
        mark: () => {
          const was = oldest
          return () => void (oldest = was)
        },
      }
    },
  }
}
