/** Pieces of work one after the other, in the order they were asked for; one that fails does not keep the next from beginning. */
export type Turns = {
  readonly take: <T>(work: () => Promise<T>) => Promise<T>
  /** Resolves when what was asked for so far is over. */
  readonly over: () => Promise<void>
}

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  return {
    take: (work) => {
      const next = last.then(work)
      last = next.catch(() => {})
      return next
    },
    over: async () => void (await last),
  }
}
