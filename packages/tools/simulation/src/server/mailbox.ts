import type { OutboxRow } from 'dure/data/internal'
import type { Process } from '../kernel/kernel.ts'

/** What is committed and not yet delivered, in the order of commits, and which member delivers it. */
export type Mailbox = {
  readonly add: (rows: readonly OutboxRow[]) => void
  readonly rows: () => readonly OutboxRow[]
  /** A position that nobody has; some are never used. */
  readonly next: () => number
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

/** Milliseconds after which a lease that is not renewed is another's. */
const LEASE = 2_000

export function createMailbox(options: {
  readonly now: () => number
  /** Told of positions that are to leave the table. */
  readonly removed: (positions: readonly number[]) => void
}): Mailbox {
  const { now, removed } = options
  let rows: OutboxRow[] = []
  let last = 0
  let leader: { readonly process: Process; until: number } | undefined
  let waiters: { readonly left: Set<number>; readonly resolve: () => void }[] = []
  const watchers = new Set<() => void>()

  return {
    next: () => ++last,
    add: (more) => {
      rows.push(...more)
      if (more.length > 0) for (const came of watchers) came()
    },
    rows: () => rows,
    remove: (positions) => {
      if (positions.size === 0) return
      rows = rows.filter(({ position }) => !positions.has(position))
      removed([...positions])
      waiters = waiters.filter(({ left, resolve }) => {
        for (const position of positions) left.delete(position)
        if (left.size === 0) resolve()
        return left.size > 0
      })
    },
    lead: (process) => {
      if (leader !== undefined && leader.process !== process && leader.until > now()) return false
      leader = { process, until: now() + LEASE }
      return true
    },
    leave: (process) => void (leader?.process === process && (leader = undefined)),
    gone: (process) => void (leader?.process === process && (leader = undefined)),
    emptied: () => {
      if (rows.length === 0) return Promise.resolve()
      const left = new Set(rows.map(({ position }) => position))
      return new Promise((resolve) => void waiters.push({ left, resolve }))
    },
    watch: (came) => {
      watchers.add(came)
      return () => void watchers.delete(came)
    },
  }
}
