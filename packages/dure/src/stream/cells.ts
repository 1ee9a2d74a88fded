/** The state of one key at one operator, at a time where it has several: the start of a pane, a piece of a buffer. */
export type Cell<V> = {
  readonly key: string
  readonly at: number
  /** Undefined once it is removed. */
  value: V | undefined
  /** Changed since the last commit. */
  dirty: boolean
}

/** State of an operator in one partition: in memory, and what was changed is written when the batch is committed, once a key. */
export type Cells<V> = {
  readonly get: (key: string, at?: number) => Cell<V> | undefined
  /** A new one, or one with another value; changed either way. */
  readonly put: (key: string, value: V, at?: number) => Cell<V>
  /** Says that the value of a cell was changed. */
  readonly touch: (cell: Cell<V>) => void
  readonly remove: (cell: Cell<V>) => void
  /** All of one time, by key. */
  readonly bucket: (at: number) => ReadonlyMap<string, Cell<V>> | undefined
  /** The times that there are, in no order. */
  readonly times: () => Iterable<number>
  /** Removes all of one time. */
  readonly drop: (at: number) => void
  /** As it was written. */
  readonly load: (key: string, at: number, value: V) => void
  /** What was changed since this was asked last, each once; those without a value were removed. */
  readonly changed: () => readonly Cell<V>[]
  /** Forgets all that was changed since: it is to be loaded again. */
  readonly size: () => number
}

export function createCells<V>(): Cells<V> {
  const buckets = new Map<number, Map<string, Cell<V>>>()
  let dirty: Cell<V>[] = []
  // Most records are of the time of the one before.
  let lastAt = Number.NaN
  let last: Map<string, Cell<V>> | undefined

  const bucketOf = (at: number): Map<string, Cell<V>> | undefined => {
    if (at === lastAt) return last
    const found = buckets.get(at)
    if (found === undefined) return undefined
    lastAt = at
    return (last = found)
  }
  const touch = (cell: Cell<V>): void => {
    if (cell.dirty) return
    cell.dirty = true
    dirty.push(cell)
  }
  const forget = (at: number): void => {
    buckets.delete(at)
    if (at === lastAt) lastAt = Number.NaN
  }
  const add = (key: string, at: number, value: V): Cell<V> => {
    let bucket = bucketOf(at)
    if (bucket === undefined) {
      bucket = new Map()
      buckets.set(at, bucket)
      lastAt = at
      last = bucket
    }
    const cell: Cell<V> = { key, at, value, dirty: false }
    bucket.set(key, cell)
    return cell
  }

  return {
    get: (key, at = 0) => bucketOf(at)?.get(key),
    put: (key, value, at = 0) => {
      const cell = bucketOf(at)?.get(key) ?? add(key, at, value)
      cell.value = value
      touch(cell)
      return cell
    },
    touch,
    remove: (cell) => {
      cell.value = undefined
      touch(cell)
      const bucket = bucketOf(cell.at)
      bucket?.delete(cell.key)
      if (bucket?.size === 0) forget(cell.at)
    },
    bucket: bucketOf,
    times: () => buckets.keys(),
    drop: (at) => {
      for (const cell of bucketOf(at)?.values() ?? []) {
        cell.value = undefined
        touch(cell)
      }
      forget(at)
    },
    load: (key, at, value) => void add(key, at, value),
    changed: () => {
      const changed = dirty
      dirty = []
      for (const cell of changed) cell.dirty = false
      return changed
    },
    size: () => {
      let size = 0
      for (const bucket of buckets.values()) size += bucket.size
      return size
    },
  }
}
