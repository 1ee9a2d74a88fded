import type { Runtime } from 'dure/runtime'
import type { Cluster } from './cluster.ts'

/** What a reader works in. */
export type ReaderWorld = {
  readonly cluster: Cluster
  readonly runtime: Runtime
  readonly timing: { readonly session: number; readonly heartbeat: number; readonly wait: number }
  /** The name here of one of Kafka's topics. */
  readonly nameOf: (topic: string) => string
  readonly partitionsOf: (topics: readonly string[]) => Promise<ReadonlyMap<string, number>>
  /** Aborted when the connections are closed: what is not done then is not done any more. */
  readonly closed: AbortSignal
}
