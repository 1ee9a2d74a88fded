import { dataOf } from './rates.ts'

type Store = {
  readonly appendToStream: (name: string, events: readonly object[], options?: object) => Promise<unknown>
  readonly aggregateStream: (name: string, options: object) => Promise<{ readonly state: number }>
  readonly close: () => Promise<void>
}
type Emmett = { readonly getPostgreSQLEventStore: (url: string) => Store }

/** Emmett's store on the same server, in a database of its own tables. */
export async function emmettRates(peer: (name: string) => Promise<unknown>, url: string) {
  const { getPostgreSQLEventStore } = (await peer('@event-driven-io/emmett-postgresql')) as Emmett
  const store = getPostgreSQLEventStore(url)
  const event = (id: string, n: number) => ({ type: 'counted', data: dataOf(id, n) })
  return {
    append: (id: string, version: number) =>
      store.appendToStream(id, [event(id, version)], {
        expectedStreamVersion: version === 0 ? 'STREAM_DOES_NOT_EXIST' : BigInt(version),
      }),
    fill: async (streams: number, many: number) => {
      for (let at = 0; at < streams; at++)
        await store.appendToStream(
          `filled-${at}`,
          Array.from({ length: many }, (_, n) => event(`filled-${at}`, n)),
        )
    },
    load: async (id: string) => {
      const evolve = (sum: number, { data }: { readonly data: { readonly n: number } }): number => sum + data.n
      return (await store.aggregateStream(id, { evolve, initialState: () => 0 })).state
    },
    stop: () => store.close(),
  }
}
