import { event, type AnySchema, type EventOptions, type EventType } from '../contract/contract.ts'

/**
 * Declares a queue: work that exactly one of the competing consumers takes, where an event is a fact that every
 * group sees. `queue('invoice.print', { schema, key: (job) => job.invoiceId })`. Without a key no order is asked
 * for and none is kept; with one, later work of the key waits at its service behind what failed of it.
 *
 * @example
 * ```ts
 * import { queue } from 'dure/messaging'
 * import { z } from 'zod'
 *
 * const Print = queue('invoice.print', { schema: z.object({ invoiceId: z.string() }) })
 * console.log(Print.name) // → invoice.print
 * ```
 */
export function queue<const Name extends string, S extends AnySchema>(
  name: Name,
  options: Omit<EventOptions<S>, 'key' | 'topic' | 'partitions' | 'retention'> & Partial<Pick<EventOptions<S>, 'key'>>,
): EventType<Name, S> {
  return event(name, { ...options, key: options.key ?? (() => '') })
}
