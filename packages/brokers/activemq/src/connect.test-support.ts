import type { Broker } from 'dure/messaging'
import type { NetworkBrokerWorld } from 'dure/messaging/adapter'
import { activeMqBroker } from './activemq.ts'

/** How each process of the suite comes to the server: it tries long, and is given up soon. */
export function connect({ address, ...world }: NetworkBrokerWorld & { readonly address: string }): Promise<Broker> {
  return activeMqBroker({ url: address, lease: 2_000, timeout: 30_000 })(world)
}
