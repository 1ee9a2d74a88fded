import { checkNumbers, COUNT } from '../runtime/internal.ts'
import { forEachLimited } from './limited.ts'

export type BatchOptions = {
  /** Keys asked for at once. Default 100. */
  readonly size?: number
  /** Calls under way at once. Default 4. */
  readonly concurrency?: number
}

/**
 * Asks for many keys in few calls: each key once, `size` at a time. The answers, in the order of the keys that were asked
 * for, come back by their key.
 * @param keys strings, numbers, … that a Map tells apart; the same one twice is asked for once
 * @throws what `ask` throws, or {TypeError} when it answers with another number of values than it was asked for
 *
 * @example
 * ```ts
 * import { batch } from 'dure/query'
 *
 * const prices = await batch([7, 8, 7], async (ids) => ids.map((id) => id * 10))
 * console.log(prices.get(8)) // → 80
 * ```
 */
export async function batch<Key, Value>(
  keys: Iterable<Key>,
  ask: (keys: readonly Key[]) => Promise<readonly Value[]>,
  options: BatchOptions = {},
): Promise<ReadonlyMap<Key, Value>> {
  const { size = 100, concurrency = 4 } = checkNumbers('ask in batches', options, { size: COUNT, concurrency: COUNT })
  const wanted = [...new Set(keys)]
  const found = new Map<Key, Value>()
  const starts = Array.from({ length: Math.ceil(wanted.length / size) }, (_, index) => index * size)
  await forEachLimited(starts, concurrency, async (start) => {
    const some = wanted.slice(start, start + size)
    const values = await ask(some)
    if (values.length !== some.length)
      throw new TypeError(
        `Cannot ask in batches: ${some.length} keys were asked for, and ${values.length} values came; answer with one value for each key, in their order`,
      )
    for (const [index, key] of some.entries()) found.set(key, values[index]!)
  })
  return found
}
