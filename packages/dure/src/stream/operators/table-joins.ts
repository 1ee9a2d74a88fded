import type { Node } from '../graph.ts'
import type { Join, JoinKind } from './stream-join.ts'

/** What two sides make, and whether there is anything where one is missing. */
function joiner(kind: JoinKind, join: Join): (left: unknown, right: unknown, key: string) => unknown {
  return (left, right, key) => {
    if (left === undefined && (kind !== 'outer' || right === undefined)) return undefined
    if (right === undefined && kind === 'inner') return undefined
    return join(left, right, key)
  }
}

/** Two tables of one key. A table. */
export function tableJoinNode(name: string, inputs: readonly [Node, Node], kind: JoinKind, join: Join): Node {
  return {
    ...{ kind: `${kind} join of tables`, name, inputs, about: {} },
    open: ({ emit, cells }) => {
      const sides = [cells<unknown>('left'), cells<unknown>('right')] as const
      const joined = joiner(kind, join)
      const receive =
        (own: 0 | 1, joinedOf: (own: unknown, other: unknown, key: string) => unknown) =>
        (next: unknown, before: unknown, key: string, time: number): void => {
          const cell = sides[own].get(key)
          if (next !== undefined) sides[own].put(key, next)
          else if (cell !== undefined) sides[own].remove(cell)
          const other = sides[own === 0 ? 1 : 0].get(key)?.value
          const was = joinedOf(before, other, key)
          const now = joinedOf(next, other, key)
          if (was !== undefined || now !== undefined) emit(now, was, key, time)
        }
      return { receive: [receive(0, joined), receive(1, (own, other, key) => joined(other, own, key))] }
    },
  }
}

type Version = { readonly from: number; readonly value: unknown }

/**
 * A stream, each record with what a table has of its key: at the moment, or (`asOf`) what it had at the time of the record, as far
 * back as that.
 */
export function lookupNode(
  name: string,
  inputs: readonly [Node, Node],
  { kind, asOf, join }: { readonly kind: 'inner' | 'left'; readonly asOf: number | undefined; readonly join: Join },
): Node {
  return {
    ...{ kind: `${kind} join of a stream and a table`, name, inputs, about: asOf === undefined ? {} : { asOf } },
    open: ({ emit, cells }) => {
      const table = cells<unknown>()
      const joined = joiner(kind, join)
      let closed = -Infinity
      const found = (key: string, time: number): unknown => {
        const value = table.get(key)?.value
        if (asOf === undefined || value === undefined) return value
        return (value as readonly Version[]).findLast(({ from }) => from <= time)?.value
      }
      const keep = (key: string, value: unknown, time: number): void => {
        const versions = (table.get(key)?.value ?? []) as readonly Version[]
        const all = [
          ...versions.filter(({ from }) => from < time),
          { from: time, value },
          ...versions.filter(({ from }) => from > time),
        ]
        // The last one before anything that may still be asked for is the one that it is asked for.
        const first = all.findLastIndex(({ from }) => from <= closed - asOf!)
        table.put(key, all.slice(Math.max(0, first)))
      }
      return {
        receive: [
          (next, _, key, time) => {
            const made = joined(next, found(key, time), key)
            if (made !== undefined) emit(made, undefined, key, time)
          },
          (next, _, key, time) => {
            if (asOf !== undefined) return keep(key, next, time)
            const cell = table.get(key)
            if (next !== undefined) table.put(key, next)
            else if (cell !== undefined) table.remove(cell)
          },
        ],
        advance: asOf === undefined ? undefined : (watermark) => void (closed = watermark),
        restored: (watermark) => void (closed = watermark),
        mark: () => {
          const was = closed
          return () => void (closed = was)
        },
      }
    },
  }
}

/** A row of the left table on its way to the key of the right one that it names. */
type Referring = { readonly key: string; readonly value: unknown }

/** Sends each row of a table to the key that it names; to the one that it named before, that it does so no more. */
export function referringNode(input: Node, on: (value: unknown) => string | undefined): Node {
  return {
    ...{ kind: 'foreign key', name: undefined, inputs: [input], about: {}, exchange: true },
    open: ({ emit }) => ({
      receive: [
        (next, before, key, time) => {
          const from = before === undefined ? undefined : on(before)
          const to = next === undefined ? undefined : on(next)
          const was = from === undefined ? undefined : { key, value: before }
          const now = to === undefined ? undefined : { key, value: next }
          if (from === to) return from === undefined ? undefined : emit(now, was, from, time)
          if (from !== undefined) emit(undefined, was, from, time)
          if (to !== undefined) emit(now, undefined, to, time)
        },
      ],
    }),
  }
}

/** Rows that name a key (`referringNode`), with what another table has of that key. A table, of the keys of the rows. */
export function foreignJoinNode(name: string, inputs: readonly [Node, Node], kind: 'inner' | 'left', join: Join): Node {
  return {
    ...{ kind: `${kind} join by foreign key`, name, inputs, about: {}, exchange: true, scattered: true },
    open: ({ emit, cells }) => {
      const byKey = createReferences()
      const rows = cells<Referring & { readonly to: string }>('left', (_, __, { to, key }) => byKey.add(to, key))
      const rights = cells<unknown>('right')
      const joined = joiner(kind, join)
      const nameOf = (to: string, key: string): string => `${to.length}:${to}${key}`
      return {
        receive: [
          (next, before, to, time) => {
            const now = next as Referring | undefined
            const was = before as Referring | undefined
            const { key } = (now ?? was)!
            const right = rights.get(to)?.value
            if (now !== undefined) {
              rows.put(nameOf(to, key), { ...now, to })
              byKey.add(to, key)
            } else {
              const cell = rows.get(nameOf(to, key))
              if (cell !== undefined) rows.remove(cell)
              byKey.remove(to, key)
            }
            const madeBefore = was === undefined ? undefined : joined(was.value, right, key)
            const made = now === undefined ? undefined : joined(now.value, right, key)
            if (made !== undefined || madeBefore !== undefined) emit(made, madeBefore, key, time)
          },
          (next, before, to, time) => {
            const cell = rights.get(to)
            if (next !== undefined) rights.put(to, next)
            else if (cell !== undefined) rights.remove(cell)
            for (const key of byKey.of(to)) {
              const value = rows.get(nameOf(to, key))?.value?.value
              const madeBefore = joined(value, before, key)
              const made = joined(value, next, key)
              if (made !== undefined || madeBefore !== undefined) emit(made, madeBefore, key, time)
            }
          },
        ],
        mark: byKey.mark,
      }
    },
  }
}

/** The rows that name a key, by their own keys, in the order in which they came. */
function createReferences() {
  const byKey = new Map<string, Set<string>>()
  /** How to take back what was done since the last mark, the latest last. */
  let undos: (() => void)[] | undefined
  const add = (to: string, key: string): void => {
    let own = byKey.get(to)
    if (own === undefined) byKey.set(to, (own = new Set()))
    if (own.has(key)) return
    own.add(key)
    undos?.push(() => remove(to, key))
  }
  const remove = (to: string, key: string): void => {
    const own = byKey.get(to)
    if (own?.delete(key) !== true) return
    if (own.size === 0) byKey.delete(to)
    undos?.push(() => add(to, key))
  }
  return {
    add,
    remove,
    of: (to: string): Iterable<string> => byKey.get(to) ?? [],
    mark: (): (() => void) => {
      const own: (() => void)[] = (undos = [])
      return () => {
        undos = undefined
        for (const undo of own.toReversed()) undo()
      }
    },
  }
}
