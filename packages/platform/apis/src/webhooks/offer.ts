/** Events that subscribers may have sent to them. */
import type { AnyEvent, EventData } from 'dure/contract'
import { privateFieldsOf } from 'dure/contract/internal'

/** An event that is offered. Made by `webhook`. */
export type OfferedEvent = {
  readonly product: string
  readonly event: AnyEvent
  /** The application that is to hear it; undefined: none. */
  readonly to: 'everybody' | ((data: unknown) => string | undefined)
}

/**
 * Offers an event of a product to those who have subscribed to it: to all of them, or to the application that `to` finds in it.
 * @throws {TypeError} when the event has fields that are marked as private
 *
 * @example
 * ```ts
 * import { apisService, webhook } from '@dure/apis'
 * import { event } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const schema = z.object({ orderId: z.string(), application: z.string() })
 * const Placed = event('order.placed', { schema, key: ({ orderId }) => orderId })
 * const placed = webhook(Placed, { product: 'orders', to: ({ application }) => application })
 * const apis = apisService({ webhooks: { events: [placed] } })
 * console.log(placed.product, apis.reactions.length) // → orders 1
 * ```
 */
export function webhook<E extends AnyEvent>(
  event: E,
  { product, to }: { readonly product: string; readonly to: 'everybody' | ((data: EventData<E>) => string | undefined) },
): OfferedEvent {
  if (privateFieldsOf(event.schema, 'output') !== undefined)
    throw new TypeError(
      `Cannot offer the event "${event.name}": it has private fields, which do not leave; publish one without them for subscribers`,
    )
  return Object.freeze({ product, event, to: to as OfferedEvent['to'] })
}
