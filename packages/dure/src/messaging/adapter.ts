/** What an adapter for a broker is written with, beside the ports themselves (`dure/messaging`). */
export { networkBroker, type NetworkBroker, type NetworkBrokerWorld } from './adapter/network-broker.ts'
export type { BrokerServer, QueueSource } from './adapter/broker-server.ts'
export type { Receivers, Work } from './receivers.ts'
export { holdPartition, type HeldPartition, type HeldPartitionOptions } from './adapter/held-partition.ts'
export { createPublishLines, type PublishLines } from './adapter/publish-lines.ts'
export { createGroupMembers, type GroupMembers, type GroupMembersOptions, type OpenPartition } from './adapter/group-members.ts'
export type { GroupRecord, Ownership } from './adapter/group-record.ts'
export { nextGroupRecord, wantedOwners, type Knowledge } from './adapter/group-sharing.ts'
export { readAmqpMessage, writeAmqpMessage, type AmqpMessage } from './adapter/amqp-message.ts'
export { CONNECTION_FAILURES } from './adapter/connection-failures.ts'
export { createAges, type Ages } from './adapter/ages.ts'
export { createLookups, type Lookups } from './adapter/lookups.ts'
export { fitting } from './fitting.ts'
export { placeOf, type BrokerPlace } from './broker-adapter.ts'
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
export { BROKER_NUMBERS } from './limits.ts'
export { sharePartitions, type Member } from './partition-loop.ts'
export { partitionOf } from './partitioner.ts'
export { topicOf } from '../contract/internal.ts'
export { backoff, inTime, type BackoffPolicy } from '../runtime/internal.ts'
