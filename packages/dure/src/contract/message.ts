/**
 * A message on its way: CloudEvents 1.0 attributes plus what Dure always carries (key, schema
 * version, correlation, causation, trace). Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 */
export type Message = {
  /** UUIDv7, made once by the publisher: what consumers deduplicate by. */
  readonly id: string
  /** The publishing service. */
  readonly source: string
  /** The event's (or queue's) name. */
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
  /** The topic it travels on, where that is not called as its type is. */
  readonly topic?: string | undefined
  /** What its publisher says beside the data: at most 64, and 8 KiB of UTF-8 in all. Handlers read them; Dure does not. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Media type of the data. Default `application/json`, the one that Dure writes, and reads. */
  readonly contentType?: string | undefined
  /** The topic or queue on which its publisher waits for an answer. */
  readonly replyTo?: string | undefined
  /**
   * Where its publisher counts what it says of a key (the version of an aggregate): its number, so that a reader can tell what
   * is old, or missing. Dure only carries it.
   */
  readonly sequence?: number | undefined
  /** Who began what led to this, by the subject alone: nobody may do anything because of it. */
  readonly initiator?: string | undefined
  /** Of work on a queue: milliseconds, from when it reaches its receiver, before which nobody begins it. */
  readonly delay?: number | undefined
}
