/** What has changed, in the order in which the registry heard of it: of each instance the last word, for a while. */
import type { Clock } from 'dure/runtime'
import type { Lease } from './lease.ts'

export type Change = { readonly lease: Lease; readonly revision: number; readonly at: number; readonly deleted: boolean }

export type Changes = {
  readonly note: (lease: Lease, deleted: boolean) => void
  readonly revision: () => number
  /** After a revision, oldest first; undefined when they are not known any more. Without one: of the last three minutes. */
  readonly after: (revision?: number) => readonly Change[] | undefined
}

/** Milliseconds that changes are told for, as Eureka does. */
const TOLD = 180_000
const MOST = 20_000

export function createChanges(clock: Pick<Clock, 'monotonic'>): Changes {
  const changes = new Map<string, Change>()
  let revision = 0
  /** Of the newest change that is not told any more. */
  let forgotten = 0
  return {
    note: (lease, deleted) => {
      const key = `${lease.instance.app}/${lease.instance.id}`
      const at = clock.monotonic()
      changes.delete(key)
      changes.set(key, { lease, revision: ++revision, at, deleted })
      for (const [first, change] of changes) {
        if (at - change.at <= TOLD && changes.size <= MOST) break
        forgotten = change.revision
        changes.delete(first)
      }
    },
    revision: () => revision,
    after: (after) => {
      if (after !== undefined && (after < forgotten || after > revision)) return undefined
      const since = clock.monotonic() - TOLD
      return [...changes.values()].filter((change) => (after === undefined ? change.at >= since : change.revision > after))
    },
  }
}
