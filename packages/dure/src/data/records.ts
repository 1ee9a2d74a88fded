import type { StoreTransaction } from './transaction.ts'

/**
 * What Dure itself keeps in a service's store, as operations: whoever writes an adapter for a store of another kind (documents,
 * keys and values) writes these, and marks, answers and crash counts commit with the service's own data there too.
 * Stores that speak SQL share one implementation, `sqlRecords`.
 *
 * Operations with a transaction write in it and are undone with it. Those without one read what is committed, and
 * nothing that the disk could still lose. Times are whole milliseconds.
 */
export type Records<Tx = StoreTransaction> = {
  readonly inbox: InboxRecords<Tx>
  readonly idempotency: IdempotencyRecords<Tx>
  readonly consumers: ConsumerRecords<Tx>
}

/** A message that a consumer has handled. */
export type Mark = { readonly consumer: string; readonly messageId: string }

export type InboxRecords<Tx> = {
  /** Marks messages as handled; answers how many of the marks are new. */
  readonly mark: (tx: Tx, wanted: { readonly marks: readonly Mark[]; readonly at: number }) => Promise<number>
  /**
   * Looks at the next `limit` marks after one, in any order that stays the same, and removes those that were made before
   * `before`. Answers the last one it looked at; undefined when there are no more.
   */
  readonly forget: (
    tx: Tx,
    step: { readonly after: Mark | undefined; readonly limit: number; readonly before: number },
  ) => Promise<Mark | undefined>
}

/** One command of one caller. */
export type CommandKey = { readonly operation: string; readonly key: string }

/** What became of a command: `committed` until there is an answer to repeat, or a refusal. */
export type CommandOutcome = 'committed' | 'answered' | 'refused'

/** A run of a command: `run` is its own id, `fingerprint` that of its input. */
export type CommandRun = CommandKey & { readonly fingerprint: string; readonly run: string; readonly at: number }

/** What is known of a command: an answer's `body` is JSON. */
export type CommandRecord = { readonly fingerprint: string; readonly outcome: CommandOutcome; readonly body: string }

export type IdempotencyRecords<Tx> = {
  readonly find: (key: CommandKey) => Promise<CommandRecord | undefined>
  /** Notes that a run has committed, once or again; false when another run has, or there is an answer: nothing is changed then. */
  readonly commit: (tx: Tx, run: CommandRun) => Promise<boolean>
  /** Writes an answer where there is nothing yet but what this run itself has noted. */
  readonly answer: (
    tx: Tx,
    run: CommandRun & { readonly outcome: 'answered' | 'refused'; readonly body: string },
  ) => Promise<void>
  /** Removes some of those written before a time, the oldest, at most `limit`. */
  readonly forget: (tx: Tx, old: { readonly before: number; readonly limit: number }) => Promise<void>
}

export type ConsumerRecords<Tx> = {
  /** Notes that a consumer begins; answers how many before it, in a row, were ended by a crash. */
  readonly begin: (tx: Tx, consumer: string) => Promise<number>
  /** Notes that it ended as it should, or that it has been well for long; either way no crash counts any more. */
  readonly settle: (tx: Tx, consumer: string, how: 'ended' | 'well') => Promise<void>
}
