import type { Reading } from './reading.ts'
import type { AskedRecords, StateRow } from './running/asked.ts'
import type { Progress } from './running/kind.ts'

/** Windows that begin between two times, both included; milliseconds since the epoch. */
export type Between = { readonly from?: number; readonly to?: number }

/** Some keys of a table, in order: `limit` of them, behind `after` and before `before`. */
export type ViewPage = Between & { readonly limit: number; readonly after?: string; readonly before?: string }

/**
 * A table that is asked: what is committed of it, whichever copy of the service has its partition. A key has one value; or, of windows, one
 * for each that is open or in its grace, in order of time, of which the first 1,000 are answered.
 */
export type View<T> = {
  readonly find: (key: string, between?: Between) => Promise<readonly T[]>
  /** Each key with all of its values: go on behind the last one until nothing is answered. */
  readonly list: (page: ViewPage) => Promise<readonly { readonly key: string; readonly value: T }[]>
  /** How far it has come, and what waits: asked before a value, that is as new as this at least. */
  readonly progress: () => Promise<Progress>
}

/** Values of one key. */
const VALUES = 1_000

/** The state of one operator, as whoever asks sees it. */
export function openView(
  { part, read }: { readonly part: string; readonly read: Reading },
  asked: AskedRecords & { readonly progress: () => Promise<Progress> },
): View<unknown> {
  return {
    find: async (key, between = {}) => {
      const span = spanOf(between)
      return valuesOf(read, await asked.find(part, key, cellsOf(read, span)), span)
    },
    list: async ({ limit, after, before, ...between }) => {
      if (!(Number.isSafeInteger(limit) && limit > 0))
        throw new TypeError(`Cannot list "${part}": "limit" is ${String(limit)}; give how many keys, such as 100`)
      const span = spanOf(between)
      const found: { readonly key: string; readonly value: unknown }[] = []
      let [behind, left] = [after, limit]
      for (;;) {
        const rows = await asked.list(part, left, { after: behind, before }, cellsOf(read, span))
        const byKey = Map.groupBy(rows, ({ key }) => key)
        const isLast = byKey.size < left
        for (const [key, own] of byKey) {
          const values = valuesOf(read, own, span)
          found.push(...values.map((value) => ({ key, value })))
          // Of some all windows are over.
          if (values.length > 0) left--
          behind = key
        }
        if (isLast || left === 0) return found
      }
    },
    progress: asked.progress,
  }
}

const spanOf = ({ from = -Infinity, to = Infinity }: Between): Required<Between> => ({ from, to })

/** When the cells are that values which begin in a span are made of. */
function cellsOf({ reach }: Reading, { from, to }: Required<Between>): Required<Between> {
  return {
    from: Math.max(Number.MIN_SAFE_INTEGER, Math.floor(from - reach)),
    to: Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(to + reach)),
  }
}

/** The values of a key, whichever tasks have some of it. */
function valuesOf({ values }: Reading, rows: readonly StateRow[], span: Required<Between>): readonly unknown[] {
  const made: unknown[] = []
  for (const cells of Map.groupBy(rows, ({ task }) => task).values()) {
    const { key, watermark } = cells[0]!
    for (const value of values(cells, key, { ...span, watermark })) {
      if (made.length === VALUES) return made
      made.push(value)
    }
  }
  return made
}
