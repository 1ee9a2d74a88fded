import type { OutboxMessage } from 'dure/data'
import type { Process } from '../kernel/kernel.ts'

/** What is committed and not yet delivered, in the order of commits, and which member delivers it. */
export type Mailbox = {
  readonly add: (messages: readonly OutboxMessage[]) => void
  readonly rows: () => readonly Row[]
  readonly remove: (positions: ReadonlySet<number>) => void
  /** One member at a time delivers, under a lease: true as long as it is this one, which is renewed by asking. */
  readonly lead: (process: Process) => boolean
  readonly leave: (process: Process) => void
  readonly gone: (process: Process) => void
  /** Resolves when all that is there now has been delivered. */
  readonly emptied: () => Promise<void>
  /** Told of what comes, until it is not wanted any more. */
  readonly watch: (came: () => void) => () => void
}

export type Row = { readonly position: number; readonly message: OutboxMessage }

/** Milliseconds after which a lease that is not renewed is another's. */
const LEASE = 2_000

export function createMailbox(world: { readonly now: () => number }): Mailbox {
  let rows: Row[] = []
  let last = 0
  let leader: { readonly process: Process; until: number } | undefined
  let waiters: { readonly position: number; readonly resolve: () => void }[] = []
  const watchers = new Set<() => void>()

  return {
    add: (messages) => {
      for (const message of messages) rows.push({ position: ++last, message })
      if (messages.length > 0) for (const came of watchers) came()
    },
    rows: () => rows,
    remove: (positions) => {
      rows = rows.filter(({ position }) => !positions.has(position))
      const first = rows[0]?.position ?? Infinity
      for (const { position, resolve } of waiters) if (position < first) resolve()
      waiters = waiters.filter(({ position }) => position >= first)
    },
    lead: (process) => {
      if (leader !== undefined && leader.process !== process && leader.until > world.now()) return false
      leader = { process, until: world.now() + LEASE }
      return true
    },
    leave: (process) => void (leader?.process === process && (leader = undefined)),
    gone: (process) => void (leader?.process === process && (leader = undefined)),
    emptied: () => {
      const position = rows.at(-1)?.position
      if (position === undefined) return Promise.resolve()
      return new Promise((resolve) => void waiters.push({ position, resolve }))
    },
    watch: (came) => {
      watchers.add(came)
      return () => void watchers.delete(came)
    },
  }
}
