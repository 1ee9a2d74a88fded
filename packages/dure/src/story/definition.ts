import type { DoorHost, StoryDecision } from '../service/service.ts'
import type { Span } from '../telemetry/telemetry.ts'

/** What a story is told from: a door's host, and the spans that are kept. */
export type StoryHost = Pick<
  DoorHost,
  'system' | 'contracts' | 'external' | 'topics' | 'story' | 'reactions' | 'extensions' | 'ask' | 'lag'
> & {
  /** Spans of a trace, where some are kept. Default: none. */
  readonly spans?: ((traceId: string) => Promise<readonly Span[]> | readonly Span[]) | undefined
}

export type StoryOptions = {
  /** A key (the id of an order), the id of a message, a correlation id, a trace id, the id of a saga; or what stands in the data. */
  readonly about: string
  /** Published then or later, and before; milliseconds since the epoch. Default: all that is kept. */
  readonly since?: number | undefined
  readonly until?: number | undefined
  /** Messages that are told, at most. Default 500. */
  readonly limit?: number | undefined
  /** Milliseconds that one look into the broker may take. Default 5,000. */
  readonly timeout?: number | undefined
}

/** How it stands: something went wrong, something did not happen that should have, something is still to come, all is done. */
export type StoryState = 'failed' | 'missing' | 'waiting' | 'done'

/** What became of something, told from what is kept. Times are milliseconds since the epoch; fields marked as secret or personal are hidden. */
export type Story = {
  readonly system: string
  readonly about: string
  readonly state: StoryState
  /** Why it is not done, in words, the worst first. */
  readonly reasons: readonly string[]
  readonly correlationIds: readonly string[]
  /** Of the first and the last that is known; undefined when nothing is. */
  readonly began: number | undefined
  readonly ended: number | undefined
  /** In order of their times; what led to one is named by it. */
  readonly messages: readonly StoryMessage[]
  readonly sagas: readonly StorySaga[]
  readonly choreographies: readonly StoryPath[]
  /** By start. */
  readonly spans: readonly StorySpan[]
  /** Where there may be more. */
  readonly cutOff: readonly string[]
  /** Where it could not be looked, and why not. */
  readonly unseen: readonly string[]
}

export type StoryMessage = {
  readonly id: string
  readonly type: string
  /** The service that announced it. */
  readonly source: string
  readonly key: string
  readonly time: number
  readonly correlationId: string
  readonly causationId: string | undefined
  /** The message of this story that led to it; undefined: a call did, or nobody knows. */
  readonly causedBy: string | undefined
  /** The reaction that announced it, where that is known. */
  readonly by: string | undefined
  readonly traceId: string | undefined
  readonly initiator: string | undefined
  readonly schemaVersion: number
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly sequence: number | undefined
  /** As JSON. */
  readonly data: unknown
  /** `sent`: where it stands. `waiting`: in the outbox of its service. `refused`: the broker does not take it. `gone`: its broker shows it no more. */
  readonly state: 'sent' | 'waiting' | 'refused' | 'gone'
  /** Where it stands in the broker. */
  readonly at:
    | { readonly on: 'topic'; readonly topic: string; readonly partition: number; readonly position: string }
    | { readonly on: 'queue'; readonly queue: string }
    | undefined
  readonly kind: 'topic' | 'queue'
  /** Why the broker does not take it. */
  readonly error: string | undefined
  /** All that should react, as the services of the system say. */
  readonly reactions: readonly StoryReaction[]
}

export type StoryReaction = {
  /** `<service>/<reaction>`. */
  readonly consumer: string
  readonly service: string
  /**
   * `done`; `discarded`: somebody took it out; `dead`: it has had all its tries; `retrying`: it waits for another; `held`: it waits behind
   * another message of its key; `unread`: its service has not come to it; `unsent`: it has not left its publisher; `missing`: it was read, and
   * nothing says that it was handled; `unknown`: its service does not answer.
   */
  readonly state: 'done' | 'discarded' | 'dead' | 'retrying' | 'held' | 'unread' | 'unsent' | 'missing' | 'unknown'
  /** When it was handled, or failed last. */
  readonly time: number | undefined
  readonly attempts: number | undefined
  /** Tries that ended with their process. */
  readonly crashes: number | undefined
  /** Milliseconds until the next try. */
  readonly next: number | undefined
  /** The whole error of the last try, with where it happened. */
  readonly error: string | undefined
  /** The short name of the dead letter. */
  readonly letter: string | undefined
  /** The short name of what fails alike. */
  readonly group: string | undefined
  /** Messages that its consumer has still to read. */
  readonly unread: number | undefined
  /** What people decided about it. */
  readonly decisions: readonly StoryDecision[]
  /** Commands that it called before its transaction, and what they were answered. */
  readonly calls: readonly StoryAnswer[]
}

export type StoryAnswer = {
  readonly service: string
  readonly operation: string
  /** `answered`, `refused` with a declared error; `open`: nobody knows. */
  readonly outcome: 'answered' | 'refused' | 'open'
  /** The answer as JSON, or the error: `{ code, message, status, data }`. */
  readonly answer: unknown
  readonly time: number
}

export type StorySaga = {
  readonly service: string
  readonly saga: string
  readonly id: string
  readonly state: string
  readonly began: number
  readonly ended: number | null
  readonly reason: string | null
  /** The error that it is undone for. */
  readonly failure: { readonly code: string; readonly message: string } | null
  readonly correlationId: string
  readonly todo: string
  readonly steps: readonly {
    readonly position: number
    readonly kind: string
    readonly name: string
    readonly state: string
    readonly tries: number
    readonly began: number
    readonly ended: number | null
    readonly error: string | null
  }[]
}

export type StoryPath = {
  readonly service: string
  readonly choreography: string
  readonly key: string
  readonly ended: boolean
  readonly path: readonly { readonly event: string; readonly id: string; readonly time: number }[]
  readonly missing: readonly { readonly event: string; readonly since: number; readonly late: boolean }[]
}

export type StorySpan = Pick<Span, 'traceId' | 'spanId' | 'parentId' | 'name' | 'kind' | 'service' | 'start' | 'duration'> & {
  /** What went wrong. */
  readonly error: string | undefined
}
