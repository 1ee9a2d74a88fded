import { CallError } from '../../contract/contract.ts'
import type { Registry } from '../../discovery/discovery.ts'
import { callAddress } from '../../discovery/internal.ts'
import { NOT_BEGUN } from '../failure.ts'
import type { Route, Target } from '../transport.ts'
import { clone } from './input-clone.ts'
import type { Peers } from './peers.ts'

/**
 * Ways to one instance of a service, for who asks each copy about itself: nothing is chosen, sent again or held against it.
 * The connection is the one that other calls use, or one for this call alone.
 */
export function instanceRoutes({ registry, peers }: { registry: Registry; peers: Peers }): (target: Target) => Route {
  return (target) => {
    const { service, operation, instance: id } = target
    const place = `${service}.${operation}`
    const addressOf = () => {
      const instance = registry.instances(service).find((one) => one.id === id)
      return instance === undefined ? undefined : callAddress(instance)
    }
    return {
      call: async (input, context) => {
        const address = addressOf()
        if (address === undefined) throw notThere(place)
        const slot = peers.take(address)
        try {
          const work = (): Promise<unknown> => slot.peer.route(target).call(clone(input), context)
          return await slot.bulkhead.run(work, { deadline: context.deadline })
        } finally {
          peers.release(slot)
        }
      },
      stream: () => {
        throw new TypeError(`Cannot open the stream ${place} at one instance: only calls may name one`)
      },
    }
  }
}

function notThere(place: string): CallError {
  return new CallError('UNAVAILABLE', `Call to ${place} failed: the instance that it names takes no calls now`, {
    details: NOT_BEGUN,
    inside: true,
  })
}
