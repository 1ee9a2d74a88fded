/** One call in the queue of its key. */
export type Turn = {
  /** It is its turn, which lasts until `end` of the queue is called with it. */
  readonly begin: () => void
  /** The queue takes no more turns, and this one has not begun. */
  readonly moved: () => void
}

/** Calls of one key run one after the other, in the order in which they came; those of different keys at once. */
export type KeyQueue = {
  /** Begins it at once, or when those of its key that came before have ended. False: as many wait as may, or it is closed. */
  readonly enter: (key: string, turn: Turn) => boolean
  /** It has run, or it is not to run any more. */
  readonly end: (key: string, turn: Turn) => void
  /** Turns that have begun, and those that wait. */
  readonly size: () => number
  /** Begins no turn any more; resolves when those that have begun have ended. */
  readonly close: () => Promise<void>
}

/** @param limit turns of one key that may wait */
export function createKeyQueue({ limit }: { readonly limit: number }): KeyQueue {
  /** By key: a set is in the order in which its members came. The first is the one that runs. */
  const lines = new Map<string, Set<Turn>>()
  let size = 0
  let closed = false
  let empty: (() => void) | undefined

  const end = (key: string, turn: Turn): void => {
    const line = lines.get(key)
    if (line === undefined || !line.has(turn)) return
    const [first] = line
    line.delete(turn)
    size--
    const [next] = line
    if (next === undefined) lines.delete(key)
    else if (turn === first) next.begin()
    if (size === 0) empty?.()
  }

  return {
    enter: (key, turn) => {
      const line = lines.get(key)
      if (closed || (line !== undefined && line.size > limit)) return false
      size++
      if (line !== undefined) line.add(turn)
      else {
        lines.set(key, new Set([turn]))
        turn.begin()
      }
      return true
    },
    end,
    size: () => size,
    close: () => {
      closed = true
      const waiting = [...lines].flatMap(([key, line]) => [...line].slice(1).map((turn) => [key, turn] as const))
      for (const [key, turn] of waiting) end(key, turn)
      for (const [, turn] of waiting) turn.moved()
      if (size === 0) return Promise.resolve()
      return new Promise((resolve) => (empty = resolve))
    },
  }
}
