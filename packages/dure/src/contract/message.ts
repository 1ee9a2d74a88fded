/**
 * A message on its way: CloudEvents 1.0 attributes plus what Dure always carries (key, schema
 * version, correlation, causation, trace). Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 */
export type Message = {
  /** UUIDv7, made once by the publisher: what consumers deduplicate by. */
  readonly id: string
  /** The publishing service. */
  readonly source: string
  /** The event's (or queue's) name; also the topic it travels on. */
  readonly type: string
  /** Messages of one key keep their order. */
  readonly key: string
  /** Milliseconds since the epoch when it was published. */
  readonly time: number
  /** Version of the data's schema. */
  readonly schemaVersion: number
  /** One id for everything that follows from one request. */
  readonly correlationId: string
  /** Id of the message or call that led to this one. */
  readonly causationId: string | undefined
  /** W3C trace context. */
  readonly traceparent: string | undefined
  /** The data in JSON form (see contract/wire.ts), as text. */
  readonly data: string
  /** Of work on a queue: milliseconds, from when it reaches its receiver, before which nobody begins it. */
  readonly delay?: number | undefined
}
