import type { AuditFilter, DeadLetterChange, DeadLetterFilter } from 'dure/messaging'

/** Filters as the command line has them: a consumer may be a whole service. */
export type Asked = Omit<DeadLetterFilter, 'messageIds'>

/** Dead letters by name, or all that a filter lets through. */
export type DeadSelection = Asked

/** What `POST /v1/dead` takes. Ids may be the beginning of one, or the id of a message. */
export type DeadRequest =
  | ({ readonly action: 'groups' } & Omit<Asked, 'ids'>)
  | ({ readonly action: 'list'; readonly limit?: number | undefined; readonly after?: string | undefined } & Omit<Asked, 'ids'>)
  | { readonly action: 'show'; readonly id: string }
  | ({
      readonly action: 'audit'
      /** Only of this dead letter. */
      readonly of?: string | undefined
      readonly what?: DeadLetterChange['action'] | undefined
    } & Pick<AuditFilter, 'consumer' | 'since' | 'until' | 'limit'>)
  /** How many a change would be done to. */
  | ({ readonly action: 'count' } & Omit<Asked, 'ids'>)
  | ({ readonly action: 'retry'; readonly by: string } & DeadSelection)
  | ({ readonly action: 'discard'; readonly reason: string; readonly by: string } & DeadSelection)
  | { readonly action: 'edit'; readonly id: string; readonly data: string; readonly reason: string; readonly by: string }

export type DeadAnswer<T> = {
  readonly value: T
  /** Services that did not answer, and why. */
  readonly silent: readonly { readonly service: string; readonly why: string }[]
}
