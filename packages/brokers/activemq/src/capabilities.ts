import type { Capabilities } from 'dure/messaging'

/** What ActiveMQ can do for topics and queues: a message is gone when all groups have read it. */
export const ACTIVEMQ: Capabilities = {
  log: false,
  replay: false,
  browse: false,
  ordered: true,
  topics: true,
  queues: true,
  durable: true,
}
