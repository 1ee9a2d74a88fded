import type { Capabilities } from 'dure/messaging'

/** What Kafka can do. */
export const KAFKA: Capabilities = {
  ...{ log: true, replay: true, browse: true, ordered: true, topics: true, queues: true, durable: true },
}
