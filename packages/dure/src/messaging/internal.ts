/** What Dure's own rooms and packages share of `messaging`, and no promise to anybody else. */
export { brokerContract, brokerHandlers, remoteBroker } from './embedded/embedded.ts'
export { lacking } from './capabilities.ts'
export { partitionOf } from './partitioner.ts'
export { publishInKeyOrder } from './key-order.ts'
export { deadLetters, joinedDeadLetters, type DeadLettersOptions } from './dead-letters/dead-letters.ts'
export { recordedLetters } from './recorded-letters.ts'
export { openAside, type OutboxAside, type OutboxAsideOptions } from './aside.ts'
export {
  declaredIn,
  errorText,
  groupOf as letterGroupOf,
  isLastTry,
  letterOf as letterNameOf,
  outboxOf,
  parkedOf,
  type ParkedStore,
} from './parked/parked.ts'
export type { Received } from './consumer/consumer.ts'
export { decoderOf } from './decode.ts'
