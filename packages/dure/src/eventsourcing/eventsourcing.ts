/**
 * Event sourcing: aggregates whose state is kept as the events that led to it, in tables of their service's own store. Fowler, "Event Sourcing",
 * 2005; Richardson, Microservices Patterns, ch. 6.
 */
import { createHash } from 'node:crypto'
import type { AnyEvent, AnySchema } from '../contract/contract.ts'
import { wireOf } from '../contract/internal.ts'
import { checkNumbers, COUNT } from '../runtime/internal.ts'
import type { Aggregate, AggregateOptions, AnyAggregate, NewEvent } from './definition.ts'
import { aggregates } from './kind.ts'
import { checkPersonal } from './seals.ts'

export { historyOf, type AggregateHistory, type HistoryEvent } from './history.ts'
export { eventsOf } from './reader.ts'
export { subscription, type EventSubscription, type SubscriptionOptions } from './subscription.ts'
export type {
  Aggregate,
  AggregateOptions,
  AnyAggregate,
  EventReader,
  EventTransaction,
  Expected,
  Loaded,
  NewEvent,
  PersonalFields,
  ReadOptions,
  SnapshotOptions,
  StoredEvent,
  StoredFacts,
  Stream,
} from './definition.ts'
export type { Position } from './positions.ts'

/**
 * Defines an aggregate, which a service lists among its `extensions`; its transactions store events with `tx.append` and `tx.decide`.
 * @throws {TypeError} when its name or options cannot be used
 *
 * @example
 * ```ts
 * import { event } from 'dure/contract'
 * import { aggregate } from 'dure/eventsourcing'
 * import { z } from 'zod'
 *
 * const Added = event('cart.added', { schema: z.object({ cartId: z.string(), sku: z.string() }), key: (e) => e.cartId })
 * const cart = aggregate('cart', {
 *   events: [Added],
 *   initial: () => ({ skus: [] as readonly string[] }),
 *   decide: ({ cartId, sku }: { cartId: string; sku: string }, { skus }) =>
 *     skus.includes(sku) ? [] : [{ type: 'cart.added', data: { cartId, sku } }],
 *   evolve: ({ skus }, { data }) => ({ skus: [...skus, data.sku] }),
 * })
 * // In a handler: `database.transaction((tx) => tx.decide(cart.stream('c-1'), { cartId: 'c-1', sku: 'tea' }))`
 * console.log(cart.stream('c-1').id) // → c-1
 * ```
 */
export function aggregate<
  const Events extends readonly AnyEvent[],
  State,
  Command,
  StateSchema extends AnySchema = AnySchema,
  const Decided extends readonly NewEvent<Events>[] = readonly NewEvent<Events>[],
>(name: string, options: AggregateOptions<Events, State, Command, StateSchema, Decided>): Aggregate<Events, State, Command> {
  const trouble = (what: string): TypeError => new TypeError(`Cannot define aggregate ${JSON.stringify(name)}: ${what}`)
  if (typeof name !== 'string' || !/^[\w.-]{1,100}$/.test(name))
    throw trouble('a name has 1 to 100 letters, digits, ".", "-" and "_"')
  const { events, initial, decide, evolve, publish = [], snapshot, personal = {} } = options
  const twice = events.find((one, at) => events.findIndex((other) => other.name === one.name) < at)
  if (twice !== undefined) throw trouble(`it has two events "${twice.name}"`)
  const foreign = publish.find((one) => !events.includes(one))
  if (foreign !== undefined) throw trouble(`"publish" has "${foreign.name}", which is none of its events`)
  if (snapshot !== undefined) {
    const numbers = { every: snapshot.every, version: snapshot.version ?? 1 }
    checkNumbers(`define the snapshots of aggregate "${name}"`, numbers, { every: COUNT, version: COUNT })
  }
  const own: Aggregate<Events, State, Command> = {
    ...{ kind: aggregates, name, events, initial, decide, evolve, publish },
    snapshot: snapshot && { ...snapshot, stamp: stampOf(events, snapshot.version ?? 1, snapshot.state) },
    personal: personal as AnyAggregate['personal'],
    stream: (id) => ({ aggregate: own as unknown as AnyAggregate, id }),
  }
  checkPersonal(own as unknown as AnyAggregate)
  return Object.freeze(own)
}

/** A state that was kept under another one is not used: it may be of another shape, or made otherwise. */
function stampOf(events: readonly AnyEvent[], version: number, state: AnySchema): string {
  const made = [version, events.map((event) => [event.name, event.version]), wireOf(state, 'output').jsonSchema]
  return createHash('sha256').update(JSON.stringify(made)).digest('hex').slice(0, 32)
}
