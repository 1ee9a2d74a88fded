import type { SpanPlace } from '../telemetry/internal.ts'

/** What messages say about where they come from; changes with every call. */
export type Origin = {
  readonly service: string
  readonly correlationId: string
  readonly causationId: string | undefined
  readonly traceparent: string | undefined
  /** Who began it. */
  readonly initiator?: string | undefined
  /** Whether spans are made, when that is known without reading `traceparent`. */
  readonly sampled?: boolean | undefined
  /** What `traceparent` says in numbers, where it is not sampled and they are known without making it. */
  readonly place?: SpanPlace | undefined
}
