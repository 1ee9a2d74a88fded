import type { Capabilities } from '../capabilities.ts'

/** What the embedded broker can do, here and in other processes. */
export const EMBEDDED: Capabilities = {
  log: true,
  replay: true,
  browse: true,
  age: true,
  ordered: true,
  topics: true,
  queues: true,
  durable: true,
}
