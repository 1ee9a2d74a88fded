import { newBucket, type Bucket, type Cell, type HeldCells } from './cells.ts'

/** What is to be read back: keys of a time, and whole times. */
export type Wanted = { readonly keys: ReadonlyMap<number, ReadonlySet<string>>; readonly whole: ReadonlySet<number> }

/** What was changed: cells that are to be written, or removed where they have no value, after all of some times. */
export type Changes<V> = { readonly dropped: readonly number[]; readonly cells: readonly Cell<V>[] }

/** A cell and its bucket in memory, beside the characters that it is written with. */
const OVERHEAD = 128

/** What was changed since this was asked last, each once. From now on it counts as written. */
export function takeChanges<V>({ buckets, dirty, dropped, missed }: HeldCells<V>): Changes<V> {
  const cells = dirty.filter(({ key, at, value }, place) => {
    const before = dropped.get(at)
    return before === undefined || (value !== undefined && before.cells.get(key) !== dirty[place])
  })
  for (const cell of dirty) cell.dirty = false
  const changes = { dropped: [...dropped.keys()], cells }
  dirty.length = 0
  dropped.clear()
  missed.keys.clear()
  missed.whole.clear()
  for (const bucket of buckets.values()) {
    bucket.none.clear()
    bucket.removed.clear()
  }
  return changes
}

/** A cell was written, or read, with so many characters. */
export function measure<V>({ buckets }: HeldCells<V>, cell: Cell<V>, characters: number): void {
  const bucket = buckets.get(cell.at)
  if (bucket === undefined || bucket.cells.get(cell.key) !== cell) return
  const size = characters + cell.key.length + OVERHEAD
  bucket.bytes += size - cell.size
  cell.size = size
  cell.recent = true
}

export function bytesOf<V>({ buckets }: HeldCells<V>): number {
  let bytes = 0
  for (const bucket of buckets.values()) bytes += bucket.bytes
  return bytes
}

/** Whether some of it is in the store alone. */
export function isPartial<V>({ buckets }: HeldCells<V>): boolean {
  for (const bucket of buckets.values()) if (bucket.partial) return true
  return false
}

/** As the store has it. What is in memory already stays as it is. */
export function putBack<V>(
  held: HeldCells<V>,
  row: { readonly key: string; readonly at: number; readonly value: V },
  characters: number,
): void {
  const { key, at, value } = row
  let bucket = held.buckets.get(at)
  if (bucket === undefined) held.buckets.set(at, (bucket = newBucket(false)))
  if (bucket.cells.has(key)) return
  const cell: Cell<V> = { key, at, value, dirty: false, size: 0, recent: false }
  bucket.cells.set(key, cell)
  measure(held, cell, characters)
  cell.recent = false
}

/** The store has cells of a time that are not here. */
export function elsewhere<V>({ buckets }: HeldCells<V>, at: number): void {
  const bucket = buckets.get(at)
  if (bucket === undefined) buckets.set(at, newBucket(true))
  else bucket.partial = true
}

/** These were asked for, and all that the store has of them is here by now. */
export function noteRead<V>({ buckets, missed, rearranged }: HeldCells<V>, { keys, whole }: Wanted): void {
  for (const at of whole) {
    const bucket = buckets.get(at)
    if (bucket === undefined) continue
    bucket.partial = false
    bucket.none.clear()
    if (bucket.cells.size === 0) buckets.delete(at)
  }
  for (const [at, some] of keys) {
    const bucket = buckets.get(at)
    if (bucket?.partial === true) for (const key of some) if (!bucket.cells.has(key)) bucket.none.add(key)
  }
  missed.keys.clear()
  missed.whole.clear()
  rearranged()
}

/**
 * Takes back all that was changed since the last commit: what was changed is in the store alone from now on. Answers what is to be
 * read: what was asked for, and what was changed, which will be asked for again.
 */
export function takeBack<V>(held: HeldCells<V>): Wanted {
  const { buckets, dirty, dropped, missed, rearranged } = held
  const keys = new Map([...missed.keys].map(([at, some]) => [at, new Set(some)]))
  for (const [at, bucket] of dropped) buckets.set(at, bucket)
  for (const cell of dirty) {
    const { key, at, size } = cell
    cell.dirty = false
    let bucket = buckets.get(at)
    if (size === 0) {
      if (bucket?.cells.get(key) === cell) bucket.cells.delete(key)
      continue
    }
    if (bucket === undefined) buckets.set(at, (bucket = newBucket(true)))
    bucket.partial = true
    if (bucket.cells.get(key) === cell) {
      bucket.cells.delete(key)
      bucket.bytes -= size
    }
    const some = keys.get(at)
    if (some === undefined) keys.set(at, new Set([key]))
    else some.add(key)
  }
  for (const [at, bucket] of buckets) {
    bucket.removed.clear()
    if (bucket.cells.size === 0 && !bucket.partial) buckets.delete(at)
  }
  const whole = new Set(missed.whole)
  dirty.length = 0
  dropped.clear()
  missed.keys.clear()
  missed.whole.clear()
  rearranged()
  return { keys, whole }
}

/** Leaves to the store what was not changed lately, until no more than a share of each time is left. Nothing may be dirty. */
export function leave<V>({ buckets }: HeldCells<V>, share: number): void {
  for (const bucket of buckets.values()) leaveOf(bucket, bucket.bytes * share)
}

function leaveOf<V>(bucket: Bucket<V>, most: number): void {
  const { cells } = bucket
  for (const [key, cell] of cells) {
    if (bucket.bytes <= most) return
    cells.delete(key)
    // Once round: what was changed since the last look stays until the next one.
    if (cell.recent) {
      cell.recent = false
      cells.set(key, cell)
      continue
    }
    bucket.bytes -= cell.size
    bucket.partial = true
  }
}
