/**
 * Related events over time, in the process of the service: state, windows and joins. A topology is a value, made of sources and
 * operators; what needs state is named, and found again by the name.
 */
import type { AnyEvent, EventData } from '../contract/contract.ts'
import { millisecondsOf, type Duration } from './duration.ts'
import type { Node } from './graph.ts'
import { latestNode } from './operators/aggregate.ts'
import { make } from './make.ts'
import { SOURCE_TIME } from './task.ts'
import type { Stream, Table } from './values.ts'

export type { Aggregation, ChangingAggregation } from './aggregation.ts'
export { describe, diff, type OperatorDescription, type TopologyDescription, type TopologyDiff } from './describe.ts'
export type { Duration } from './duration.ts'
export type { ProcessContext, ProcessOptions } from './operators/process.ts'
export type { Progress, TopologyState } from './running/kind.ts'
export { topology, type Topology, type TopologyOptions } from './topology.ts'
export type { Aggregations, GroupedTable, Keyed, Nearness, Output, Stream, Table } from './values.ts'
export type { Between, View, ViewPage } from './view.ts'
export { hopping, session, sliding, tumbling, type Late, type Results, type WindowResult, type WindowShape } from './windows.ts'

export type SourceOptions<E extends AnyEvent> = {
  /** When the event was, in milliseconds since the epoch. Default: when it was published. */
  readonly time?: (data: EventData<E>) => number
  /** How much later than a newer one an event of the same partition may come and still be in time. Default 0. */
  readonly disorder?: Duration
  /** A partition on which nothing has come for so long is not waited for. Default 30 seconds. */
  readonly idle?: Duration
  /** How far ahead of the clock an event's time may be; what is further is set aside, and counted. Default a day. */
  readonly ahead?: Duration
  /**
   * When an event cannot be read, or an operator throws at it, it is a dead letter. Those of its key behind it go on without it
   * (`pass`, the default), or wait until it was tried again, or discarded (`hold`): of the event's key; on copies, behind an operator that
   * changed it, of the key that it was handed on under.
   */
  readonly failures?: 'pass' | 'hold'
}

/**
 * The events of one kind, as a stream.
 * @throws {TypeError} when a time cannot be used
 *
 * @example
 * ```ts
 * import { event } from 'dure/contract'
 * import { stream, topology, tumbling } from 'dure/stream'
 * import { z } from 'zod'
 *
 * const Sold = event('item.sold', { schema: z.object({ seller: z.string(), cents: z.int() }), key: ({ seller }) => seller })
 * const Total = event('seller.total', { schema: z.object({ seller: z.string(), cents: z.int() }), key: ({ seller }) => seller })
 *
 * const sales = topology('sales', [
 *   stream(Sold, { disorder: '5s' })
 *     .filter(({ cents }) => cents > 0)
 *     .keyBy(({ seller }) => seller)
 *     .window(tumbling('10m'), { late: 'drop' })
 *     .aggregate({ name: 'seller-totals', init: () => 0, add: (sum, { cents }) => sum + cents })
 *     .to(Total, ({ key, value }) => ({ seller: key, cents: value })),
 * ])
 * console.log(sales.nodes.length) // → 5
 * ```
 */
export function stream<E extends AnyEvent>(event: E, options: SourceOptions<E> = {}): Stream<EventData<E>> {
  return make.stream(sourceNode(event, options as SourceOptions<AnyEvent>)) as Stream<EventData<E>>
}

/**
 * The latest event of each key, as a table: its state is called as the event is, unless `name` says otherwise.
 * @throws {TypeError} when a time cannot be used
 *
 * @example
 * ```ts
 * import { event } from 'dure/contract'
 * import { stream, table, topology } from 'dure/stream'
 * import { z } from 'zod'
 *
 * const Priced = event('item.priced', { schema: z.object({ sku: z.string(), cents: z.int() }), key: ({ sku }) => sku })
 * const Ordered = event('item.ordered', { schema: z.object({ sku: z.string(), count: z.int() }), key: ({ sku }) => sku })
 * const Cost = event('item.cost', { schema: z.object({ sku: z.string(), cents: z.int() }), key: ({ sku }) => sku })
 *
 * const prices = table(Priced, { name: 'prices' })
 * const costs = stream(Ordered)
 *   .byKey()
 *   .join(prices, { name: 'cost', join: ({ sku, count }, { cents }) => ({ sku, cents: cents * count }) })
 * console.log(topology('costs', [costs.to(Cost)]).name) // → costs
 * ```
 */
export function table<E extends AnyEvent>(
  event: E,
  {
    name,
    isDeleted,
    ...options
  }: SourceOptions<E> & { readonly name?: string; readonly isDeleted?: (data: EventData<E>) => boolean } = {},
): Table<EventData<E>> {
  const source = sourceNode(event, options as SourceOptions<AnyEvent>)
  return make.table(latestNode(name ?? event.name, source, isDeleted as ((value: unknown) => boolean) | undefined)) as Table<
    EventData<E>
  >
}

function sourceNode(
  event: AnyEvent,
  {
    time,
    disorder = SOURCE_TIME.disorder,
    idle = SOURCE_TIME.idle,
    ahead = SOURCE_TIME.ahead,
    failures = 'pass',
  }: SourceOptions<AnyEvent>,
): Node {
  const what = `read event "${event.name}"`
  if (failures !== 'pass' && failures !== 'hold')
    throw new TypeError(`Cannot ${what}: "failures" is ${JSON.stringify(failures)}; give "pass" or "hold"`)
  const said = {
    of: time as ((data: unknown) => number) | undefined,
    disorder: millisecondsOf(what, 'disorder', disorder, 0),
    idle: millisecondsOf(what, 'idle', idle),
    ahead: millisecondsOf(what, 'ahead', ahead, 0),
  }
  return {
    ...{ kind: event.name, name: undefined, inputs: [], about: {} },
    source: { event, time: said, failures },
    open: ({ emit }) => ({ receive: [emit] }),
  }
}
