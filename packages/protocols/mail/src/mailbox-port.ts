/** What a protocol of mailboxes does with mails, by ids that are never another mail's. It connects when it is first asked, and again after `close`. */
export type Mailbox = {
  /** Those that wait, the oldest first. */
  readonly list: () => Promise<readonly string[]>
  /** `gone`: it has been taken away meanwhile. `large`: it is larger than the limit. */
  readonly read: (uid: string) => Promise<Buffer | 'gone' | 'large'>
  readonly mark: (uid: string, as: 'taken' | 'refused') => Promise<void>
  /** Has the marks so far kept. */
  readonly keep: () => Promise<void>
  /** Until there may be more, `ms` have passed, or the signal aborts. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
  readonly close: () => void
}
