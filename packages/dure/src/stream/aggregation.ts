/** How the values of a key, or of a window, are put together. */
export type Aggregation<T, A, R = A> = {
  readonly init: () => A
  /** The state with one value more: a new one, or the same one changed. Must not wait. */
  readonly add: (state: A, value: T, key: string) => A
  /** Two states as one: of windows that overlap, and of sessions that meet. */
  readonly merge?: ((one: A, other: A) => A) | undefined
  /** What is handed on. Default: the state itself, which then must be a new one every time for what reads both before and after. */
  readonly result?: ((state: A, key: string) => R) | undefined
}

/** One that can be taken back: for tables, whose values change. */
export type ChangingAggregation<T, A, R = A> = Aggregation<T, A, R> & {
  /** The state without a value that was added before. */
  readonly remove: (state: A, value: T, key: string) => A
}

/** How many there are. */
export const COUNTING: ChangingAggregation<unknown, number> = {
  init: () => 0,
  add: (count) => count + 1,
  remove: (count) => count - 1,
  merge: (one, other) => one + other,
}

/** How many different ones there are, told apart by a text or number. */
export function distinctOf<T>(by: (value: T) => string | number): ChangingAggregation<T, Map<string | number, number>, number> {
  return {
    init: () => new Map(),
    add: (seen, value) => seen.set(by(value), (seen.get(by(value)) ?? 0) + 1),
    remove: (seen, value) => {
      const left = (seen.get(by(value)) ?? 0) - 1
      if (left > 0) return seen.set(by(value), left)
      seen.delete(by(value))
      return seen
    },
    merge: (one, other) => {
      const both = new Map(one)
      for (const [value, count] of other) both.set(value, (both.get(value) ?? 0) + count)
      return both
    },
    result: (seen) => seen.size,
  }
}

/** The `n` with the largest `by`, the largest first; of equal ones, those that came first. */
export function topOf<T>(n: number, by: (value: T) => number): Aggregation<T, readonly T[]> {
  const place = (top: readonly T[], value: T): number => {
    let at = top.length
    while (at > 0 && by(top[at - 1]!) < by(value)) at--
    return at
  }
  const add = (top: readonly T[], value: T): readonly T[] => {
    const at = place(top, value)
    return at >= n ? top : [...top.slice(0, at), value, ...top.slice(at, n - 1)]
  }
  return { init: () => [], add, merge: (one, other) => other.reduce(add, one) }
}

/** Values folded into one by a function; the first stands for itself. */
export function folding<T>(reduce: (one: T, other: T) => T): Aggregation<T, { readonly value: T } | undefined, T> {
  return {
    init: () => undefined,
    add: (state, value) => ({ value: state === undefined ? value : reduce(state.value, value) }),
    merge: (one, other) =>
      one === undefined || other === undefined ? (one ?? other) : { value: reduce(one.value, other.value) },
    result: (state) => state!.value,
  }
}
