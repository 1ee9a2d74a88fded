import type { Mark } from './mark.ts'

/** What is to be looked at when the watermark has come to a time: a heap by time, and by the order of coming within it. */
export type Due<T> = {
  readonly add: (at: number, item: T) => void
  /** Takes the first that is due before `time`, or undefined. */
  readonly take: (time: number) => T | undefined
  /** Answers what takes back all that is added and taken from now on, until this is called again. */
  readonly mark: Mark
}

type Entry<T> = { readonly at: number; readonly order: number; readonly item: T; gone: boolean }

export function createDue<T>(): Due<T> {
  const heap: Entry<T>[] = []
  let order = 0
  /** Since the last mark. */
  let changed: { readonly added: Entry<T>[]; readonly taken: Entry<T>[] } | undefined
  /** Some in the heap that were taken back. */
  let gone = 0
  const before = (a: Entry<T>, b: Entry<T>): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

  const sink = (entry: Entry<T>): void => {
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (before(entry, heap[child]!)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = entry
  }
  const insert = (entry: Entry<T>): void => {
    let place = heap.push(entry) - 1
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (before(heap[parent]!, entry)) break
      heap[place] = heap[parent]!
      place = parent
    }
    heap[place] = entry
  }
  const clean = (): void => {
    if (gone * 2 < heap.length) return
    const left = heap.filter((entry) => !entry.gone).toSorted((a, b) => (before(a, b) ? -1 : 1))
    heap.length = 0
    for (const entry of left) heap.push(entry)
    gone = 0
  }

  return {
    add: (at, item) => {
      const entry = { at, order: order++, item, gone: false }
      insert(entry)
      changed?.added.push(entry)
    },
    take: (time) => {
      for (;;) {
        const [first] = heap
        if (first === undefined || first.at >= time) return undefined
        const lastEntry = heap.pop()!
        if (heap.length > 0) sink(lastEntry)
        if (first.gone) {
          gone--
          continue
        }
        changed?.taken.push(first)
        return first.item
      }
    },
    mark: () => {
      const own = (changed = { added: [] as Entry<T>[], taken: [] as Entry<T>[] })
      return () => {
        for (const entry of own.taken) insert(entry)
        for (const entry of own.added) entry.gone = true
        gone += own.added.length
        changed = undefined
        clean()
      }
    },
  }
}
