/** Work that all share who ask for it, and that runs once at a time. */
export type SharedRun<T> = {
  /** Resolves with what a run gave that began after this was asked for: what was so before, it has seen. */
  (): Promise<T>
  /** A run that is still to end, the last of them, if there is one. */
  readonly pending: () => Promise<T> | undefined
}

/** However many ask, one run is under way, and whoever asks meanwhile shares the next one. */
export function sharedRun<T>(work: () => Promise<T>): SharedRun<T> {
  let running: Promise<T> | undefined
  let next: Promise<T> | undefined
  const begin = (): Promise<T> => {
    const mine = work().finally(() => {
      running = undefined
    })
    running = mine
    return mine
  }
  const ask = (): Promise<T> => {
    if (running === undefined) return begin()
    // The one under way may have begun before what whoever asks wants it to see.
    next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined
        return begin()
      })
    return next
  }
  return Object.assign(ask, { pending: () => next ?? running })
}
