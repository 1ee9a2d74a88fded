/** Whose lease has ended, and whether they go: when many are silent at once it is rather the network. */
import type { Clock } from 'dure/runtime'
import type { Lease } from './lease.ts'

/** When many vanish at once they are kept for a while, and the registry says that it is stale. */
export type Preservation = {
  /** So many at least have to be overdue. Default 10. */
  readonly least: number
  /** So large a part of all has to be overdue. Default 0.15. */
  readonly share: number
  /** Milliseconds after which they go all the same. Default 300,000. */
  readonly time: number
}

export type Expiry = {
  /** Those that go now. */
  readonly ended: (leases: readonly Lease[]) => readonly Lease[]
  /** Since when some are kept, in milliseconds since the epoch. */
  readonly heldSince: () => number | undefined
}

/** Milliseconds between two looks after which the registry's process was not running. */
const STOOD_STILL = 1_000

export function createExpiry(clock: Clock, { least, share, time }: Preservation): Expiry {
  let looked = clock.monotonic()
  let held: { readonly at: number; readonly since: number } | undefined
  return {
    ended: (leases) => {
      const now = clock.monotonic()
      const paused = now - looked
      looked = now
      // While the registry itself stood still nobody could renew.
      if (paused > STOOD_STILL) for (const lease of leases) lease.at += paused
      const ended = leases.filter(({ at, instance }) => now - at > instance.lease.duration * 1000)
      const known = leases.filter(({ heard }) => heard)
      const overdue = known.filter(({ at, instance: { lease } }) => now - at > Math.min(2 * lease.renewal, lease.duration) * 1000)
      if (overdue.length < least || overdue.length <= share * known.length) held = undefined
      else if (ended.some(({ heard }) => heard)) held ??= { at: now, since: clock.now() }
      return held !== undefined && now - held.at < time ? ended.filter(({ heard }) => !heard) : ended
    },
    heldSince: () => held?.since,
  }
}
