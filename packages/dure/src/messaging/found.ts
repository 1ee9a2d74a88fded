import type { Message } from '../contract/contract.ts'

/**
 * What is looked for: all that followed from one request, one message, all of one key, of one trace; `any`: whichever of these it is;
 * `text`: it stands in the data, as they are on their way. Several values: any of them.
 */
export type FindBy = {
  readonly [Name in 'correlationId' | 'id' | 'key' | 'traceId' | 'any' | 'text']?: string | readonly string[]
}

export type FindOptions = {
  readonly by: FindBy
  /** Where it is looked. One that nobody has declared has nothing. */
  readonly topics: readonly string[]
  readonly queues?: readonly string[]
  /** Published then or later, and before; milliseconds since the epoch. Default: all that is kept. */
  readonly since?: number | undefined
  readonly until?: number | undefined
  /** Messages found, at most. Default 1,000. */
  readonly limit?: number | undefined
  /** Bytes of their data, about; one message always is found. Default 1 MiB. */
  readonly bytes?: number | undefined
  /** Milliseconds that looking takes, at most. Default 5,000. */
  readonly timeout?: number | undefined
}

/** A message, and where it is: what stands on a queue has no position. */
export type FoundMessage =
  | {
      readonly on: 'topic'
      readonly topic: string
      readonly partition: number
      readonly position: string
      readonly message: Message
    }
  | { readonly on: 'queue'; readonly queue: string; readonly message: Message }

export type Found = {
  /** By the time at which they were published. */
  readonly messages: readonly FoundMessage[]
  /** Why there may be more than these; undefined: all was looked at. */
  readonly cutOff: 'limit' | 'bytes' | 'time' | undefined
  /** Where it could not be looked, and why not. */
  readonly unseen: readonly Unseen[]
}

export type Unseen = { readonly on: 'topic' | 'queue'; readonly name: string; readonly why: string }
