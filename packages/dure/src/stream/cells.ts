/** The state of one key at one operator, at a time where it has several: the start of a pane, a piece of a buffer. */
export type Cell<V> = {
  readonly key: string
  readonly at: number
  /** Undefined once it is removed. */
  value: V | undefined
  /** Changed since the last commit. */
  dirty: boolean
  /** Bytes, about, as it is in the store; 0 where it is not. */
  size: number
  /** Changed since somebody looked for what can be left to the store. */
  recent: boolean
}

/**
 * State of an operator in one partition, and what was changed is written when the batch is committed, once a key. Some of it may be in
 * the store alone: then what is asked for is noted, and not found; the batch runs once more when it was read.
 */
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
}

/** All cells of one time. */
export type Bucket<V> = {
  readonly cells: Map<string, Cell<V>>
  /** The store may have others. */
  partial: boolean
  /** Those that the store has not, as far as that was asked, and those that were removed since the last commit. */
  readonly none: Set<string>
  readonly removed: Set<string>
  bytes: number
}

/** What was asked for since the last commit, and is not here: keys, and whole times. */
export type Missed = { readonly keys: Map<number, Set<string>>; readonly whole: Set<number> }

/** Cells with all that is behind them; `residence.ts` says which of them are in memory. */
export type HeldCells<V> = {
  readonly cells: Cells<V>
  readonly buckets: Map<number, Bucket<V>>
  /** What was changed since the last commit, each once; those without a value were removed. */
  readonly dirty: Cell<V>[]
  /** Times that were dropped since the last commit, as they were. */
  readonly dropped: Map<number, Bucket<V>>
  readonly missed: Missed
  /** Buckets were put or taken by somebody else. */
  readonly rearranged: () => void
}

export function newBucket<V>(partial: boolean): Bucket<V> {
  return { cells: new Map(), partial, none: new Set(), removed: new Set(), bytes: 0 }
}

export function createCells<V>(): HeldCells<V> {
  const buckets = new Map<number, Bucket<V>>()
  const dirty: Cell<V>[] = []
  const dropped = new Map<number, Bucket<V>>()
  const missed: Missed = { keys: new Map(), whole: new Set() }
  // Most records are of the time of the one before.
  let lastAt = Number.NaN
  let last: Bucket<V> | undefined

  const bucketOf = (at: number): Bucket<V> | undefined => {
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
      bucket = newBucket(false)
      buckets.set(at, bucket)
      lastAt = at
      last = bucket
    }
    const cell: Cell<V> = { key, at, value, dirty: false, size: 0, recent: true }
    bucket.cells.set(key, cell)
    return cell
  }
  const miss = (bucket: Bucket<V>, key: string, at: number): void => {
    if (bucket.none.has(key) || bucket.removed.has(key)) return
    const keys = missed.keys.get(at)
    if (keys === undefined) missed.keys.set(at, new Set([key]))
    else keys.add(key)
  }

  const cells: Cells<V> = {
    get: (key, at = 0) => {
      const bucket = bucketOf(at)
      if (bucket === undefined) return undefined
      const cell = bucket.cells.get(key)
      if (cell === undefined && bucket.partial) miss(bucket, key, at)
      return cell
    },
    put: (key, value, at = 0) => {
      const cell = bucketOf(at)?.cells.get(key) ?? add(key, at, value)
      cell.value = value
      touch(cell)
      return cell
    },
    touch,
    remove: (cell) => {
      cell.value = undefined
      touch(cell)
      const bucket = bucketOf(cell.at)
      if (bucket === undefined || bucket.cells.get(cell.key) !== cell) return
      bucket.cells.delete(cell.key)
      bucket.bytes -= cell.size
      if (bucket.partial) bucket.removed.add(cell.key)
      else if (bucket.cells.size === 0) forget(cell.at)
    },
    bucket: (at) => {
      const bucket = bucketOf(at)
      if (bucket?.partial === true) missed.whole.add(at)
      return bucket?.cells
    },
    times: () => buckets.keys(),
    drop: (at) => {
      const bucket = bucketOf(at)
      if (bucket === undefined) return
      if (!dropped.has(at)) dropped.set(at, bucket)
      // The store has none of these.
      else for (const cell of bucket.cells.values()) cell.value = undefined
      forget(at)
    },
  }
  return { cells, buckets, dirty, dropped, missed, rearranged: () => void (lastAt = Number.NaN) }
}
