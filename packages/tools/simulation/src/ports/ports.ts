/** The real database and broker, and between their steps whatever can happen to a process, a disk and an answer. */
export { simulatedBroker, type BrokerFate } from './broker.ts'
export { simulatedDatabase, type StoreFate } from './database.ts'
