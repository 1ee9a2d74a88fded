import type { Message } from '../contract/contract.ts'
import type { OutboxRow } from './outbox-row.ts'
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
  /** Used unless the store has an outbox of its own (`Store.outbox`). */
  readonly outbox: OutboxRecords<Tx>
  readonly inbox: InboxRecords<Tx>
  readonly idempotency: IdempotencyRecords<Tx>
  readonly ownership: OwnershipRecords<Tx>
  readonly parked: ParkedRecords<Tx>
  readonly deadLetters: DeadLetterRecords<Tx>
  readonly upkeep: UpkeepRecords<Tx>
  /** For people who ask what became of a message. A store without it says nothing. */
  readonly lookup?: LookupRecords | undefined
}

/** What transactions announce, at positions that grow in the order of commits. */
export type OutboxRecords<Tx> = {
  /** What there is: how many, the bytes of their data, and the first and last position (0 when there is none). */
  readonly left: () => Promise<{ readonly total: number; readonly bytes: number; readonly first: number; readonly last: number }>
  /** Those after a position, in order. */
  readonly read: (page: { readonly after: number; readonly limit: number }) => Promise<readonly OutboxRow[]>
  readonly append: (tx: Tx, rows: readonly OutboxRow[]) => Promise<void>
  readonly remove: (tx: Tx, which: { readonly upTo: number } | { readonly positions: readonly number[] }) => Promise<void>
}

/** A message that a consumer has handled. */
export type Mark = {
  readonly consumer: string
  readonly messageId: string
  /** Of a message of a partition. */
  readonly fence?: Fence | undefined
  /**
   * Of work that several may receive: it is not marked while its consumer has it parked, as what is parked is done, edited and
   * discarded there alone. Default false.
   */
  readonly unparked?: boolean | undefined
}

export type InboxRecords<Tx> = {
  /**
   * Marks messages as handled, in an order that is the same for all; answers how many of the marks are new.
   * @throws {FencedError} when the epoch of one is over: nothing says then which had been marked
   */
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

/** What became of a command: it runs, or has `committed` and its answer is not there yet, or there is one to repeat. */
export type CommandOutcome = 'running' | 'committed' | 'answered' | 'refused'

/**
 * A run of a command: `run` is its own id and its fence, `fingerprint` that of its input, `owner` the member that runs it. `held`:
 * milliseconds for which its key is kept beyond the time of other keys, unless it is released; default 0.
 */
export type CommandRun = CommandKey & {
  readonly fingerprint: string
  readonly run: string
  readonly owner: string
  readonly held?: number | undefined
}

/** What is known of a command. */
export type CommandRecord = Pick<CommandRun, 'fingerprint' | 'owner'> & {
  readonly outcome: CommandOutcome
  /** Of an answer JSON, otherwise the id of the run. */
  readonly body: string
  /** Milliseconds that the lease of the run has left, by the clock of the database. */
  readonly remaining: number
}

/**
 * The run that is noted is the only one that may write: every write of another hits nothing. Ages and leases are
 * milliseconds by the clock of the database, never by that of a process, unless one process has the database to itself.
 */
export type IdempotencyRecords<Tx> = {
  readonly find: (key: CommandKey) => Promise<CommandRecord | undefined>
  /**
   * Notes that a run begins: where nothing is known of the command, or `instead` of a run without an answer that is still as it was
   * seen. False when it is otherwise: nothing is changed then.
   */
  readonly begin: (
    tx: Tx,
    run: CommandRun & { readonly lease: number; readonly instead: Pick<CommandRecord, 'outcome' | 'body'> | undefined },
  ) => Promise<boolean>
  /** Notes that a run has committed, once or again; false when another run is noted, or there is an answer: nothing is changed then. */
  readonly commit: (tx: Tx, run: CommandRun) => Promise<boolean>
  /** Writes an answer where there is nothing yet but this run, in the transaction of its effect or later; false when there is. */
  readonly answer: (
    tx: Tx,
    run: CommandRun & { readonly outcome: 'answered' | 'refused'; readonly body: string },
  ) => Promise<boolean>
  /** A run has ended without an answer: its lease is over. */
  readonly end: (tx: Tx, run: CommandKey & Pick<CommandRun, 'run'>) => Promise<void>
  /** Whoever had these held needs them no more: their age counts from now, as that of other keys. */
  readonly release: (tx: Tx, keys: readonly CommandKey[]) => Promise<void>
}

/**
 * What a write of a partition carries: it counts while the partition is in this epoch, and is refused (`FencedError`, with all
 * of its transaction) once another member has raised it.
 */
export type Fence = {
  readonly consumer: string
  readonly topic: string
  readonly partition: number
  /** Issued by the store; grows with every change of hands. */
  readonly epoch: number
}

/** A member wants a partition that its broker has given to it. */
export type Claim = Omit<Fence, 'epoch'> & {
  /** One life of one copy of the service. */
  readonly member: string
  /** Which broker it is, and what it counts assignments by. */
  readonly broker: string
  readonly token: number
}

/** A partition that is a member's from now on, and what is known of the one that had it before. */
export type Raised = {
  readonly epoch: number
  /** Who had it before; undefined when nobody had. */
  readonly before: string | undefined
  /** The broker that had given it to that one. */
  readonly broker: string | undefined
  /** That one has not given it back: it crashed, or it does not know yet. */
  readonly unclean: boolean
  /** How many in a row, other members than this, have not given it back. */
  readonly crashes: number
}

/** Which member has which partition. */
export type OwnershipRecords<Tx> = {
  /**
   * Begins the next epoch of a partition. Undefined when its broker has given it to another since: then nothing is changed. What
   * another broker has counted says nothing.
   */
  readonly raise: (tx: Tx, claim: Claim) => Promise<Raised | undefined>
  /** Notes that the member has given it back; nothing when the epoch is over. */
  readonly release: (tx: Tx, fence: Fence) => Promise<void>
  /** Notes that the member has been well for long: no crash counts any more. */
  readonly well: (tx: Tx, fence: Fence) => Promise<void>
}

/** The partition of what has none. */
export const UNPARTITIONED = -1

/**
 * A message that waits in its consumer's store. Of one consumer and key the first is the head: it is `waiting` for its
 * next try or `dead`; those after it are `held`. A head that is `held` is due.
 */
export type ParkedMessage = {
  readonly consumer: string
  /** Of its topic; `UNPARTITIONED` of what has none: work of a queue, messages of an outbox. */
  readonly partition: number
  /** What it holds: its own key, or nothing but itself. */
  readonly key: string
  readonly message: Message
  readonly state: 'waiting' | 'dead' | 'held'
  /** Grows with everything that becomes of it: who saw an earlier one does not know what it decides on. */
  readonly revision: number
  /** Tries begun and tries that ended; a difference means that the process ended in between. */
  readonly started: number
  readonly finished: number
  /** Tries that ended with their process. */
  readonly crashes: number
  /** Milliseconds until its next try, or for which another member has it, by the clock of the database; none are left at 0. */
  readonly wait: number
  /** The last one, with where it happened; empty when there is none. */
  readonly error: string
  readonly firstFailure: number | undefined
  readonly lastFailure: number | undefined
  /** Its short name as a dead letter: of this message at this consumer, always the same. */
  readonly letter: string
  /** The short name of those that failed alike. */
  readonly group: string
}

/** One key of a consumer: how many messages it has, and what is known of the first without reading it. */
export type ParkedKey = Pick<ParkedMessage, 'key' | 'state' | 'started' | 'finished' | 'wait' | 'firstFailure'> & {
  readonly count: number
  /** The `delay` of one that waits for its first try. */
  readonly delay: number | undefined
}

/** A message as a consumer's parked one, as it was seen, and the fence of its partition where it has one. */
export type ParkedId = {
  readonly consumer: string
  readonly messageId: string
  readonly revision: number
  readonly fence: Fence | undefined
}

/** Messages of one consumer and partition. */
export type ParkedPlace = Pick<ParkedMessage, 'consumer' | 'partition'>

/** What a consumer has parked, in all its partitions: messages that wait and those behind them, dead letters and those held. */
export type ParkedTotals = {
  readonly consumer: string
  readonly waiting: number
  readonly deadLetters: number
  readonly held: number
  /** When the oldest of the dead letters failed first. */
  readonly oldest: number | undefined
}

/** Those that write reject with `FencedError`, and have done nothing, once the epoch of their fence is over. */
export type ParkedRecords<Tx> = {
  /**
   * Adds messages of one partition, in order, each behind those of its key: its owners come one after the other, and each
   * reads in the order of the log. Answers those that were not there already.
   */
  readonly add: (tx: Tx, messages: readonly ParkedMessage[], fence: Fence | undefined) => Promise<readonly ParkedMessage[]>
  /** The first messages of a key, in order. */
  readonly read: (of: {
    readonly consumer: string
    readonly key: string
    readonly limit: number
  }) => Promise<readonly ParkedMessage[]>
  readonly keys: (place: ParkedPlace) => Promise<readonly ParkedKey[]>
  /** Of all consumers that have any. */
  readonly totals: () => Promise<readonly ParkedTotals[]>
  /** How many dead letters each place has. */
  readonly letters: () => Promise<readonly (ParkedPlace & { readonly letters: number })[]>
  /** How many of these keys have messages. */
  readonly holding: (of: { readonly consumer: string; readonly keys: readonly string[] }) => Promise<number>
  /**
   * Counts a try that begins: the message is at the next revision, and is for no other for `lease` milliseconds. False when it is
   * dead, gone, or at another revision.
   */
  readonly begin: (tx: Tx, its: ParkedId & { readonly lease: number }) => Promise<boolean>
  /** Removes a message whose try has succeeded; false when it is gone, or at another revision by now. */
  readonly finish: (tx: Tx, its: ParkedId) => Promise<boolean>
  /**
   * Notes how a try ended: all tries that were begun have ended. The first failure stays the first. False when the message is
   * gone, or at another revision by now.
   */
  readonly fail: (
    tx: Tx,
    its: ParkedId &
      Pick<ParkedMessage, 'started' | 'crashes' | 'wait' | 'error' | 'group'> & {
        readonly state: 'waiting' | 'dead'
        readonly at: number
      },
  ) => Promise<boolean>
}

/** Which dead letters; what is left out matches all. */
export type DeadLetterFilter = {
  /** `<service>/<reaction>`. */
  readonly consumer?: string | undefined
  readonly topic?: string | undefined
  readonly key?: string | undefined
  /** Id of a group. */
  readonly group?: string | undefined
  /** A part of the error's text. */
  readonly error?: string | undefined
  /** Failed last at or after, and before; milliseconds since the epoch. */
  readonly since?: number | undefined
  readonly until?: number | undefined
  /** Ids of dead letters; and of their messages. */
  readonly ids?: readonly string[] | undefined
  readonly messageIds?: readonly string[] | undefined
}

/** A dead letter's id, how one begins, or the id of its message. */
export type Named = { readonly id: string; readonly begins: boolean }

/** A dead message; how many wait behind it, and how often it was edited. */
export type DeadMessage = ParkedMessage & { readonly held: number; readonly edits: number }

/** Dead letters that failed alike. */
export type DeadMessageGroup = Pick<ParkedMessage, 'consumer' | 'group' | 'error'> & {
  readonly topic: string
  readonly count: number
  readonly held: number
  readonly firstFailure: number
  readonly lastFailure: number
  /** One of them. */
  readonly letter: string
}

/** Who decided what about dead letters, when and why. */
export type DeadLetterDecision = { readonly at: number; readonly by: string; readonly reason: string } & (
  | { readonly action: 'retry' }
  /** `unmarked`: the consumer that has no inbox. */
  | { readonly action: 'discard'; readonly unmarked: string }
  /** `revision`: that of the letter that was edited. Nothing is done when it is at another one by now. */
  | { readonly action: 'edit'; readonly message: Message; readonly revision: number }
)

/** What was decided about one dead letter, which may be gone; `data` of its message after an edit. */
export type DeadLetterAudit = Pick<ParkedMessage, 'letter' | 'consumer' | 'message' | 'error'> & {
  readonly at: number
  readonly action: DeadLetterDecision['action']
  readonly by: string
  readonly reason: string
  readonly data: string | undefined
}

export type DeadLetterRecords<Tx> = {
  readonly groups: (filter: DeadLetterFilter) => Promise<readonly DeadMessageGroup[]>
  /** In order of last failure and id, from the one after `after`. */
  readonly list: (
    filter: DeadLetterFilter & { readonly named?: Named | undefined },
    page: { readonly limit: number; readonly after?: { readonly lastFailure: number; readonly id: string } | undefined },
  ) => Promise<readonly DeadMessage[]>
  /**
   * Carries out a decision, and writes it down beside what each letter was before; answers for how many. `retry`: they wait,
   * due at once, with all their tries. `discard`: they are removed, and marked in the inbox. `edit`: the message is replaced.
   */
  readonly decide: (tx: Tx, filter: DeadLetterFilter, decision: DeadLetterDecision) => Promise<number>
  /** What was decided, latest first and then by letter. */
  readonly audit: (filter: {
    readonly named?: Named | undefined
    readonly consumer?: string | undefined
    readonly action?: DeadLetterDecision['action'] | undefined
    readonly since?: number | undefined
    readonly until?: number | undefined
    readonly limit: number
    readonly after?: { readonly at: number; readonly letter: string } | undefined
  }) => Promise<readonly DeadLetterAudit[]>
  /** Removes what was decided before a time. */
  readonly forget: (tx: Tx, old: { readonly before: number }) => Promise<void>
}

/** How many rows there are of something, the bytes of their texts, and milliseconds since the oldest was written. */
export type Retained = { readonly rows: number; readonly bytes: number; readonly age: number | undefined }

/** What is kept for a time: marks of the inbox, keys of commands, dead letters, and what was decided about these. */
export type RetainedPart = 'inbox' | 'keys' | 'deadLetters' | 'audit'

/** Keeping what is kept within its bounds; ages by the clock of the database. */
export type UpkeepRecords<Tx> = {
  /** Whose turn it is: true once in `every` milliseconds, for one of all who ask. */
  readonly turn: (tx: Tx, round: { readonly task: string; readonly every: number }) => Promise<boolean>
  readonly retained: () => Promise<Readonly<Record<RetainedPart, Retained>>>
  /** Removes what is older than `age`, the oldest, about `limit`; answers how many. */
  readonly forget: (
    tx: Tx,
    old: { readonly part: 'keys' | 'audit'; readonly age: number; readonly limit: number },
  ) => Promise<number>
}

/** Which messages somebody asks about: those of these requests, of these keys, and these. A hundred of each, at most. */
export type MessageLookup = {
  readonly correlationIds: readonly string[]
  readonly keys: readonly string[]
  readonly messageIds: readonly string[]
}

/** What is known of single messages. Reads by indexes alone, but for the outbox, of which it reads the first ten thousand rows. */
export type LookupRecords = {
  /** What waits to be delivered, at most `limit`. */
  readonly outbox: (of: MessageLookup, limit: number) => Promise<readonly OutboxRow[]>
  /** When consumers have handled these messages. */
  readonly marks: (
    messageIds: readonly string[],
  ) => Promise<readonly { readonly consumer: string; readonly messageId: string; readonly at: number }[]>
  /** What these consumers have parked of them, at most `limit`. */
  readonly parked: (
    of: Pick<MessageLookup, 'keys' | 'messageIds'> & { readonly consumers: readonly string[] },
    limit: number,
  ) => Promise<readonly ParkedMessage[]>
  /** What was decided about these dead letters, by their short names. */
  readonly decisions: (letters: readonly string[], limit: number) => Promise<readonly DeadLetterAudit[]>
  /** Commands of an operation whose keys begin with one of these, at most `limit`. */
  readonly commands: (
    of: { readonly operation: string; readonly prefixes: readonly string[] },
    limit: number,
  ) => Promise<readonly (CommandKey & { readonly outcome: CommandOutcome; readonly body: string; readonly at: number })[]>
}
