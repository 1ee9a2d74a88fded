import type { AnySchema, InputOf, OutputOf } from './schema.ts'

/** A fact that a service announces. Made by `event`. */
export type EventType<Name extends string = string, S extends AnySchema = AnySchema> = {
  readonly name: Name
  readonly schema: S
  /** Version of the schema, stored with every event. Starts at 1. */
  readonly version: number
  /** Events of one key are seen in the order they were published. */
  readonly key: (data: OutputOf<S>) => string
  /** From the version named to the next: `{ 1: (old) => new }`. */
  readonly upcast: Readonly<Record<number, (data: unknown) => unknown>>
  readonly description: string | undefined
  /** The topic it travels on. */
  readonly topic: string
  /** What its topic is to be made like; undefined: as the broker's default has it. */
  readonly partitions: number | undefined
  readonly retention: Retention | undefined
}

/**
 * What may be thrown away: older than `ms`, or the oldest past `bytes` per topic. Upper bounds of what is asked for, not of
 * what is there: brokers throw away by the piece, and later. Infinity: for ever, any size. Default 7 days, 1 GiB.
 */
export type Retention = { readonly ms?: number; readonly bytes?: number }

// oxlint-disable-next-line typescript/no-explicit-any
export type AnyEvent = EventType<string, any>

export type EventOptions<S extends AnySchema> = {
  readonly schema: S
  readonly key: (data: OutputOf<S>) => string | number
  readonly version?: number
  readonly upcast?: Readonly<Record<number, (data: never) => unknown>>
  readonly description?: string
  /** The topic it travels on, which several events may share. Default its name. */
  readonly topic?: string
  /** As many members of a group can share its topic. Counted when the topic is made, and never changed. Default the broker's. */
  readonly partitions?: number
  /** How long its topic keeps it, on a broker that keeps a log. Default the broker's. */
  readonly retention?: Retention
}

/**
 * Declares an event: `event('order.placed', { schema, key: (e) => e.orderId })`.
 *
 * @example
 * ```ts
 * import { event } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const OrderPlaced = event('order.placed', { schema: z.object({ orderId: z.string() }), key: (e) => e.orderId })
 * console.log(OrderPlaced.name, OrderPlaced.version) // → order.placed 1
 * ```
 */
export function event<const Name extends string, S extends AnySchema>(name: Name, options: EventOptions<S>): EventType<Name, S> {
  return Object.freeze({
    name,
    schema: options.schema,
    version: options.version ?? 1,
    key: (data: OutputOf<S>) => String(options.key(data)),
    upcast: Object.freeze({ ...options.upcast }) as EventType['upcast'],
    description: options.description,
    topic: options.topic ?? name,
    partitions: options.partitions,
    retention: options.retention,
  })
}

/** What a publisher hands in. */
export type EventInput<E extends AnyEvent> = InputOf<E['schema']>
/** What a subscriber receives. */
export type EventData<E extends AnyEvent> = OutputOf<E['schema']>
