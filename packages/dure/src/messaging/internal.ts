/** What Dure's own rooms and packages share of `messaging`, and no promise to anybody else. */
export {
  brokerContract,
  brokerHandlers,
  remoteBroker,
  type BrokerClient,
  type BrokerContract,
  type BrokerHandlers,
  type BrokerHandlersOptions,
  type BrokerOperations,
  type RemoteBrokerOptions,
  type ServedBroker,
} from './remote/remote.ts'
export { partitionOf } from './partition.ts'
export { deadLetters, type DeadLettersOptions } from './dead-letters/dead-letters.ts'
export { openAside, type OutboxAside, type OutboxAsideOptions } from './aside.ts'
export { parkedTables, type LetterStore } from './parked-rows.ts'
export type { Received } from './lanes.ts'
