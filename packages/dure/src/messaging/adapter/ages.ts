/** Positions that are remembered at most. */
const MOST = 16_384

/** When the message at a position came, in milliseconds since the epoch. */
export type Ages = (position: string, ask: () => Promise<number | undefined>) => Promise<number | undefined>

/**
 * Remembers when messages came, for `lag`: a message stands at its position for good, so the server is asked once for each, and
 * looking again at a group that stands still costs nothing. A position is any text that is one message's alone, also when its topic
 * is made anew. What is not known yet is asked for again.
 *
 * @example
 * ```ts
 * import { createAges } from 'dure/messaging/adapter'
 *
 * const ages = createAges()
 * console.log(await ages('orders 0 17', async () => 1_000), await ages('orders 0 17', async () => 2_000)) // → 1000 1000
 * ```
 */
export function createAges(): Ages {
  const known = new Map<string, number>()
  return async (position, ask) => {
    const before = known.get(position)
    if (before !== undefined) return before
    const found = await ask()
    if (found === undefined) return undefined
    const [first] = known.keys()
    if (known.size >= MOST && first !== undefined) known.delete(first)
    known.set(position, found)
    return found
  }
}
