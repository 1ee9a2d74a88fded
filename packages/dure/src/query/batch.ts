import { checkNumbers, COUNT } from '../runtime/internal.ts'
import { forEachLimited } from './limited.ts'

export type BatchOptions<Key = unknown, By = Key> = {
  /** What answers come back by, and keys are told apart by: for keys that are objects. Default: the keys themselves. */
  readonly by?: (key: Key) => By
  /** Keys asked for at once. Default 100. */
  readonly size?: number
  /** Calls under way at once. Default 4. */
  readonly concurrency?: number
}

/**
 * Asks for many keys in few calls: each key once, `size` at a time. The answers, in the order of the keys that were asked
 * for, come back by their key.
 * @param keys strings, numbers, … that a Map tells apart, or objects that `by` makes such a thing of; the same one twice is asked for once
 * @throws what `ask` throws, or {TypeError} when it answers with another number of values than it was asked for
 *
 * @example
 * ```ts
 * import { batch } from 'dure/query'
 *
 * const prices = await batch([7, 8, 7], async (ids) => ids.map((id) => id * 10))
 * console.log(prices.get(8)) // → 80
 *
 * const seats = [{ row: 1, seat: 2 }, { row: 1, seat: 3 }]
 * const free = await batch(seats, async (some) => some.map(({ seat }) => seat > 2), { by: ({ row, seat }) => `${row}-${seat}` })
 * console.log(free.get('1-3')) // → true
 * ```
 */
export async function batch<Key, Value, By = Key>(
  keys: Iterable<Key>,
  ask: (keys: Key[]) => Promise<readonly Value[]>,
  options: BatchOptions<Key, By> = {},
): Promise<ReadonlyMap<By, Value>> {
  checkNumbers<{ size?: number; concurrency?: number }>('ask in batches', options, { size: COUNT, concurrency: COUNT })
  const { size = 100, concurrency = 4, by = (key: Key) => key as unknown as By } = options
  const unique = new Map(Array.from(keys, (key) => [by(key), key]))
  const wanted = [...unique.values()]
  const names = [...unique.keys()]
  const found = new Map<By, Value>()
  const starts = Array.from({ length: Math.ceil(wanted.length / size) }, (_, index) => index * size)
  await forEachLimited(starts, concurrency, async (start) => {
    const some = wanted.slice(start, start + size)
    const values = await ask(some)
    if (values.length !== some.length)
      throw new TypeError(
        `Cannot ask in batches: ${some.length} keys were asked for, and ${values.length} values came; answer with one value for each key, in their order`,
      )
    for (const [index, value] of values.entries()) found.set(names[start + index]!, value)
  })
  return found
}
