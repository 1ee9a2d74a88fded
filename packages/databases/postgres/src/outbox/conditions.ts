/** Those who wait for a state of affairs. */
export type Conditions = {
  /** Resolves when it holds; looked at now, and whenever something has changed. */
  readonly until: (condition: () => boolean) => Promise<void>
  readonly changed: () => void
}

export function createConditions(): Conditions {
  let waiters: readonly { readonly holds: () => boolean; readonly resolve: () => void }[] = []
  return {
    until: (holds) => (holds() ? Promise.resolve() : new Promise((resolve) => void (waiters = [...waiters, { holds, resolve }]))),
    changed: () => {
      const now = waiters.filter(({ holds }) => holds())
      waiters = waiters.filter((waiter) => !now.includes(waiter))
      for (const { resolve } of now) resolve()
    },
  }
}
