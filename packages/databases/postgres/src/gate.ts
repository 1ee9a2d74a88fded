/**
 * Many at once, or one alone: transactions that keep crossing each other run one at a time in the end, so that each
 * of them gets through. First come first served, so that nobody is held up for ever.
 */
export type Gate = {
  /** Resolves, when it is one's turn, with what is called when one is done. */
  readonly enter: (alone: boolean) => Promise<() => void>
}

export function createGate(): Gate {
  let inside = 0
  let occupied = false
  const queue: { readonly alone: boolean; readonly go: () => void }[] = []

  const fits = (alone: boolean): boolean => !occupied && (!alone || inside === 0)

  const leave = (): void => {
    inside--
    occupied = false
    while (queue.length > 0 && fits(queue[0]!.alone)) queue.shift()!.go()
  }

  const take = (alone: boolean): (() => void) => {
    inside++
    occupied = alone
    let left = false
    return () => {
      if (left) return
      left = true
      leave()
    }
  }

  return {
    enter: async (alone) => {
      if (queue.length === 0 && fits(alone)) return take(alone)
      // Taken by whoever leaves, or somebody else would slip in before this one runs.
      return new Promise((resolve) => queue.push({ alone, go: () => resolve(take(alone)) }))
    },
  }
}
