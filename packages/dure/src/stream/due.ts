/** What is to be looked at when the watermark has come to a time: a heap by time, and by the order of coming within it. */
export type Due<T> = {
  readonly add: (at: number, item: T) => void
  /** Takes the first that is due before `time`, or undefined. */
  readonly take: (time: number) => T | undefined
  readonly first: () => number
  readonly clear: () => void
}

type Entry<T> = { readonly at: number; readonly order: number; readonly item: T }

export function createDue<T>(): Due<T> {
  const heap: Entry<T>[] = []
  let order = 0
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

  return {
    add: (at, item) => {
      const entry = { at, order: order++, item }
      let place = heap.push(entry) - 1
      while (place > 0) {
        const parent = (place - 1) >> 1
        if (before(heap[parent]!, entry)) break
        heap[place] = heap[parent]!
        place = parent
      }
      heap[place] = entry
    },
    take: (time) => {
      const [first] = heap
      if (first === undefined || first.at >= time) return undefined
      const lastEntry = heap.pop()!
      if (heap.length > 0) sink(lastEntry)
      return first.item
    },
    first: () => heap[0]?.at ?? Infinity,
    clear: () => {
      heap.length = 0
      order = 0
    },
  }
}
