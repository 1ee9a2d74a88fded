import type { Address } from '../discovery/discovery.ts'
import type { Route, Target } from './transport.ts'

/**
 * One process on the other side of a connection. Made without connecting: the first call connects, and a connection
 * that is lost comes back by itself, with backoff and jitter. Whatever is pending when it is lost fails UNAVAILABLE at
 * once. Nothing waits past its deadline, whatever the other side does.
 */
export type Peer = {
  readonly address: Address
  /** The way to an operation of whatever runs there. */
  readonly route: (target: Target) => Route
  readonly state: () => 'idle' | 'connecting' | 'up' | 'down'
  /** Calls sent and not answered. */
  readonly pending: () => number
  /** Ends the connection; what is pending fails UNAVAILABLE. Idempotent. */
  readonly stop: () => Promise<void>
}

export type ConnectPeer = (address: Address) => Peer
