/**
 * The first of a list that go together: at most so many, and so much of them; one at least, where there is one.
 *
 * @example
 * ```ts
 * import { fitting } from 'dure/messaging/adapter'
 *
 * console.log(fitting(['ab', 'cd', 'ef'], { count: 10, size: 5 }, (text) => text.length)) // → [ 'ab', 'cd' ]
 * ```
 */
export function fitting<One>(
  list: readonly One[],
  most: { readonly count: number; readonly size: number },
  sizeOf: (one: One) => number,
): readonly One[] {
  let end = 0
  for (let size = 0; end < list.length && end < Math.max(1, most.count); end++)
    if ((size += sizeOf(list[end]!)) > most.size && end > 0) break
  return list.slice(0, end)
}
