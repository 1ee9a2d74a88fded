import type { Capabilities } from 'dure/messaging'

/**
 * What RabbitMQ can do with topics on streams and queues on quorum queues.
 *
 * @example
 * ```ts
 * import { RABBITMQ } from '@dure/rabbitmq'
 *
 * console.log(RABBITMQ.log, RABBITMQ.queues) // → true true
 * ```
 */
export const RABBITMQ: Capabilities = {
  ...{ log: true, replay: true, browse: true, age: false, ordered: true },
  ...{ topics: true, queues: true, durable: true },
}
