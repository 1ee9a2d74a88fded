/**
 * Several at once, or one alone: transactions that keep crossing each other run one at a time in the end, so that each
 * of them gets through. How many run at once follows how often they cross: fewer when they do, one more by and by when
 * they do not. First come first served, so that nobody is held up for ever.
 */
export type ConcurrencyLimit = {
  /** Resolves, when it is one's turn, with what is called when one is done. */
  readonly enter: (alone: boolean) => Promise<(crossed: boolean) => void>
  /** How many may be inside. */
  readonly width: () => number
}

/** What is left of the width after a crossing, and what each undisturbed turn gives back, as a share of it. */
const [LESS, MORE] = [0.85, 0.05]

export function createConcurrencyLimit(most: number): ConcurrencyLimit {
  let inside = 0
  let occupied = false
  let width = most
  const queue: { readonly alone: boolean; readonly go: () => void }[] = []

  const fits = (alone: boolean): boolean => !occupied && inside < (alone ? 1 : Math.max(1, Math.floor(width)))

  const take = (alone: boolean): ((crossed: boolean) => void) => {
    inside++
    occupied = alone
    let left = false
    return (crossed) => {
      if (left) return
      left = true
      inside--
      occupied = false
      width = crossed ? Math.max(1, width * LESS) : Math.min(most, width + MORE / width)
      while (queue.length > 0 && fits(queue[0]!.alone)) queue.shift()!.go()
    }
  }

  return {
    enter: async (alone) => {
      if (queue.length === 0 && fits(alone)) return take(alone)
      // Taken by whoever leaves, or somebody else would slip in before this one runs.
      return new Promise((resolve) => queue.push({ alone, go: () => resolve(take(alone)) }))
    },
    width: () => width,
  }
}
