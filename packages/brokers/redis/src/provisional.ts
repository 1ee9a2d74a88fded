export { quietly, STOP_TIMEOUT, subscriptionOf, UNBOUNDED } from '../../../dure/src/messaging/adapter.ts'
export { BROKER_NUMBERS, checkMessages, checkName, checkOptions } from '../../../dure/src/messaging/limits.ts'
export {
  createPartitionLoop,
  sharePartitions,
  type Member,
  type PartitionLoop,
  type PartitionSource,
} from '../../../dure/src/messaging/partition-loop.ts'
export { partitionOf } from '../../../dure/src/messaging/partitioner.ts'
export { topicOf } from '../../../dure/src/contract/internal.ts'
export { backoff, inTime, type BackoffPolicy } from '../../../dure/src/runtime/internal.ts'
