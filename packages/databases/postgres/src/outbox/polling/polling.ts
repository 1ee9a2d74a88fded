/** The outbox from its table: any number of relays look for rows, and share the lanes. */
export type { Horizon } from './horizon.ts'
export { createRelay, type Relay, type RelayState } from './relay.ts'
