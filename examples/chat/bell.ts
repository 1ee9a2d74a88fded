/** Wakes those who wait for something to happen under a name. */
export type Bell = {
  readonly ring: (name: string) => void
  /** Resolves when it is rung the next time, or the signal aborts. */
  readonly next: (name: string, signal: AbortSignal) => Promise<void>
}

export function createBell(): Bell {
  const waiting = new Map<string, Set<() => void>>()
  return {
    ring: (name) => {
      for (const wake of waiting.get(name) ?? []) wake()
      waiting.delete(name)
    },
    next: (name, signal) =>
      new Promise((resolve) => {
        const all = waiting.get(name) ?? new Set()
        waiting.set(name, all)
        const wake = (): void => {
          all.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        all.add(wake)
        if (signal.aborted) wake()
        else signal.addEventListener('abort', wake, { once: true })
      }),
  }
}
