import type { OutboxMessage } from 'dure/data'

/** Takes what is delivered, and lets a test wait for it. */
export function collector() {
  const got: OutboxMessage[] = []
  let waiting: { readonly until: () => boolean; readonly resolve: () => void }[] = []
  return {
    got,
    deliver: async (messages: readonly OutboxMessage[]): Promise<void> => {
      got.push(...messages)
      const ready = waiting.filter(({ until }) => until())
      waiting = waiting.filter((one) => !ready.includes(one))
      for (const { resolve } of ready) resolve()
    },
    /** Resolves when this holds; looked at after each delivery. */
    until: (condition: (got: readonly OutboxMessage[]) => boolean): Promise<void> =>
      new Promise((resolve) => {
        if (condition(got)) return resolve()
        waiting.push({ until: () => condition(got), resolve })
      }),
    keys: () => Map.groupBy(got, ({ key }) => key),
  }
}
