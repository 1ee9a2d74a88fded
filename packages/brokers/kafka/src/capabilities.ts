import type { Capabilities } from 'dure/messaging'

/**
 * What Kafka can do.
 *
 * @example
 * ```ts
 * import { KAFKA } from '@dure/kafka'
 *
 * console.log(KAFKA.log, KAFKA.replay) // → true true
 * ```
 */
export const KAFKA: Capabilities = {
  ...{ log: true, replay: true, browse: true, age: true, ordered: true, topics: true, queues: true, durable: true },
}
