import type { Capabilities } from 'dure/messaging'

/**
 * What ActiveMQ can do for topics and queues: a message is gone when all groups have read it.
 *
 * @example
 * ```ts
 * import { ACTIVEMQ } from '@dure/activemq'
 *
 * console.log(ACTIVEMQ.durable, ACTIVEMQ.log) // → true false
 * ```
 */
export const ACTIVEMQ: Capabilities = {
  log: false,
  replay: false,
  browse: false,
  // Artemis does not tell.
  age: false,
  ordered: true,
  topics: true,
  queues: true,
  durable: true,
}
