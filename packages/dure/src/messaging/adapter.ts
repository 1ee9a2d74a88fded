/** What an adapter for a broker is written with, beside the ports themselves (`dure/messaging`). */
export { placeOf, quietly, STOP_TIMEOUT, subscriptionOf, UNBOUNDED, type BrokerPlace } from './broker-adapter.ts'
export { nameFor, nameFrom, type NameRules } from './broker-names.ts'
export {
  decodeMessage,
  encodeMessage,
  MESSAGE_BYTES,
  structuredText,
  type Binding,
  type BrokerRecord,
  type EncodedMessage,
} from './cloud-events/cloud-events.ts'
export { publishInKeyOrder } from './key-order.ts'
export { BROKER_NUMBERS, checkMessages, checkName, checkOptions } from './limits.ts'
export { createPartitionLoop, sharePartitions, type Member, type PartitionLoop, type PartitionSource } from './partition-loop.ts'
export { isNewerMessage } from './newer-message.ts'
export { partitionOf } from './partitioner.ts'
export { topicOf } from '../contract/internal.ts'
export { backoff, inTime, type BackoffPolicy } from '../runtime/internal.ts'
