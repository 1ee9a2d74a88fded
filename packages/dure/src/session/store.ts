/** A session as it is handed to a store. */
export type NewSession = {
  /** Whose it is; undefined: nobody has said who he is yet. */
  readonly subject: string | undefined
  /** Text of the caller's own making. */
  readonly data: string
  /** Milliseconds without a reader after which it ends. */
  readonly idle: number
  /** Milliseconds after which it ends, read or not. */
  readonly absolute: number
}

export type StoredSession = {
  readonly subject: string | undefined
  readonly data: string
  /** Counts its updates, from 1 on. */
  readonly version: number
}

/** What became of a change: `conflict` when somebody else has changed it since, `gone` when it has ended. */
export type StoreChange = 'done' | 'conflict' | 'gone'

/**
 * The port SessionStore: sessions by id, which many processes read and change. Time goes by the store's own clock where it has one. All reject
 * with a CallError when the store does not answer; whether a change was made then is not known.
 */
export type SessionStore = {
  /** @param id never used before, as it is drawn at random */
  readonly create: (id: string, session: NewSession) => Promise<void>
  /** Undefined when it has ended. Whoever reads it lets it live on. */
  readonly read: (id: string) => Promise<StoredSession | undefined>
  /** Only if it is still there, and as it was at that version: one that has ended does not come back. */
  readonly update: (id: string, change: { readonly version: number; readonly data: string }) => Promise<StoreChange>
  /** Ends one, if it is there as it was at that version, and begins another. Whoever fails in between is logged out. */
  readonly rotate: (
    id: string,
    next: { readonly version: number; readonly id: string; readonly session: NewSession },
  ) => Promise<StoreChange>
  /** Nothing when it has ended. */
  readonly end: (id: string) => Promise<void>
  /** Ends all of a subject. One that is begun at the same moment may end or stay. */
  readonly endAll: (subject: string) => Promise<void>
  /** Lets go of what it holds. What it keeps stays. */
  readonly stop: () => Promise<void>
}
