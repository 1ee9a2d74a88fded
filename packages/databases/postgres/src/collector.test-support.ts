import type { OutboxMessage } from 'dure/data'

/** A broker that takes what is delivered, lets a test wait for it, and may be down. */
export function collector() {
  const got: OutboxMessage[] = []
  const broker = { down: false }
  let waiting: { readonly until: () => boolean; readonly resolve: () => void }[] = []
  return {
    got,
    /** To be changed by the test. */
    broker,
    deliver: async (messages: readonly OutboxMessage[]): Promise<void> => {
      if (broker.down) throw new Error('no broker')
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
