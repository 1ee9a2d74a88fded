import type { SqlStore } from '../../data/data.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { createAlarm, inTime, timeLeft, type Alarm } from '../../runtime/internal.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { assignmentOf, SHARES } from './assignment.ts'
import { createHeldShares, newShare, type HeldShare } from './held-shares.ts'
import { shareRecords, type ShareMember, type ShareRecords } from './share-records.ts'

/** Which shares of the keys are this copy's, and whose the others are. */
export type Shares = {
  /** Calls of this share may begin here now. */
  readonly held: (share: number) => HeldShare | undefined
  /** Whether that is still so. */
  readonly holds: (held: HeldShare) => boolean
  /** How many of them calls may begin in here now. */
  readonly open: () => number
  /** The other copy that has a share, as far as it was seen. */
  readonly ownerOf: (share: number) => ShareMember | undefined
  /** Resolves when it has been looked once more whose they are. Undefined: nobody looks any more. */
  readonly look: () => Promise<void> | undefined
  /** What a transaction for a share has to find; undefined where there is no other copy. */
  readonly records: ShareRecords | undefined
  /** Becomes a member, whose part of the shares comes to it from now on. */
  readonly listen: () => void
  /** Gives back what it has. */
  readonly stop: (options: { readonly timeout: number }) => Promise<void>
}

/** Milliseconds between two looks, at least. */
const BETWEEN = 100

/** Where one process has the store: all of them are its own. */
export function ownShares({ timers }: Pick<Runtime, 'timers'>): Shares {
  const all = newShare({ share: 0, epoch: 0 }, 'open')
  return {
    held: () => (all.state === 'open' ? all : undefined),
    holds: () => all.state === 'open',
    open: () => (all.state === 'open' ? SHARES : 0),
    ownerOf: () => undefined,
    look: () => undefined,
    records: undefined,
    listen: () => {},
    stop: async ({ timeout }) => {
      all.state = 'over'
      await inTime(timers, timeout, all.queue.close(), () => {})
    },
  }
}

/**
 * Where copies share the store: a copy that says every quarter of a lease that it is there has a part of the shares. It stops by its own
 * clock, before its lease is over by the one of the database, and what it had then goes to others: they raise the epoch, wait for
 * what is open of the one before, and begin.
 */
export function sharedShares(options: {
  readonly store: SqlStore
  readonly runtime: Runtime
  readonly log: Logger
  readonly instance: string | undefined
  /** Milliseconds. */
  readonly lease: number
}): Shares {
  const { store, runtime, log, instance, lease } = options
  const { clock, timers } = runtime
  const records = shareRecords(store)
  const me = store.member
  const mine = createHeldShares({ store, records, log, opened: () => tell() })
  let owners: ReadonlyMap<number, ShareMember> = new Map()
  let joined = false
  let stopped = false
  /** Monotonic milliseconds until which it may begin calls. */
  let until = -Infinity
  let lookedAt = -Infinity
  let alarm: Alarm | undefined
  const waiting: (() => void)[] = []
  const tell = (those = waiting.splice(0)): void => {
    for (const one of those) one()
  }

  const stay = async (): Promise<void> => {
    const sent = clock.monotonic()
    if (!joined || !(await records.renew(lease))) {
      if (joined) log.warn('This copy was taken for dead: its keys go to others')
      mine.drop()
      await records.join(instance, lease)
      joined = true
    }
    // A quarter earlier than others may think that it is over.
    until = sent + lease * 0.75
  }

  const look = async (): Promise<void> => {
    const told = waiting.splice(0)
    lookedAt = clock.monotonic()
    try {
      await stay()
      await records.bury()
      const members = new Map((await records.members()).map((one) => [one.member, one]))
      const shares = await records.shares()
      const others = shares.flatMap(({ share, owner }) => {
        const other = owner === undefined || owner === me ? undefined : members.get(owner)
        return other === undefined ? [] : [[share, other] as const]
      })
      owners = new Map(others)
      mine.compare(shares)
      const seen = { shares, me, members: [...members.keys()], mine: mine.numbers(), leaving: mine.leaving }
      const { claim, release } = assignmentOf(seen)
      for (const share of release) void mine.release(share)
      if (!stopped) await mine.claim(claim)
    } finally {
      tell(told)
    }
  }

  const failed = (error: unknown): void => log.warn('Cannot look which copy has which keys; it is tried again', { error })
  const holds = (held: HeldShare): boolean => held.state === 'open' && clock.monotonic() < until

  return {
    held: (share) => {
      const held = mine.get(share)
      return held !== undefined && holds(held) ? held : undefined
    },
    holds,
    open: () => [...mine.numbers()].filter((share) => holds(mine.get(share)!)).length,
    ownerOf: (share) => owners.get(share),
    look: () => {
      if (stopped) return undefined
      return new Promise((resolve) => {
        waiting.push(resolve)
        alarm?.ring(lookedAt + BETWEEN - clock.monotonic())
      })
    },
    records,
    listen: () => {
      alarm = createAlarm({ runtime, work: look, next: async () => undefined, longest: lease / 4, failed })
    },
    stop: async ({ timeout }) => {
      const left = timeLeft(clock, timeout)
      stopped = true
      await alarm?.stop()
      tell()
      await inTime(timers, left(), Promise.all([...mine.numbers()].map(mine.release)), () => {})
      if (joined) await records.leave().catch((error: unknown) => log.warn('Cannot leave the copies that have keys', { error }))
    },
  }
}
