import type { SqlStore } from '../../data/data.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { createAlarm, inTime, timeLeft } from '../../runtime/internal.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { assignmentOf, type Share } from './assignment.ts'
import { createKeyQueue, type KeyQueue } from './key-queue.ts'
import { shareRecords, type ShareMember } from './share-records.ts'

/** A share that is this copy's, in one epoch. */
export type HeldShare = Pick<Share, 'share' | 'epoch'> & {
  readonly queue: KeyQueue
  /** `opening`: what the one before has begun is still waited for. `over`: given back, or lost. */
  state: 'opening' | 'open' | 'over'
}

/** Which shares of the keys are this copy's, and whose the others are. */
export type Shares = {
  /** Calls of this share may begin here now. */
  readonly held: (share: number) => HeldShare | undefined
  /** Whether that is still so. */
  readonly holds: (held: HeldShare) => boolean
  /** The copy that has a share, as far as it was seen. */
  readonly ownerOf: (share: number) => ShareMember | undefined
  /** Resolves when it has been looked once more whose they are. Undefined: nobody looks any more. */
  readonly look: () => Promise<void> | undefined
  /** What a transaction for a share has to find; undefined where there is no other copy. */
  readonly records: ReturnType<typeof shareRecords> | undefined
  /** Becomes a member, whose share of the shares comes to it from now on. */
  readonly listen: () => void
  /** Gives back what it has. */
  readonly stop: (options: { readonly timeout: number }) => Promise<void>
}

/** Turns of one key that may wait. */
const WAITING = 1_000
/** Milliseconds for which what a lost member has begun may go on. */
const OPEN_STILL = 1_000

/** Milliseconds between two looks, at least. */
const BETWEEN = 50

/** Where one process has the store: all of them are its own. */
export function ownShares({ timers }: Pick<Runtime, 'timers'>): Shares {
  const all: HeldShare = { share: 0, epoch: 0, queue: createKeyQueue({ limit: WAITING }), state: 'open' }
  return {
    held: () => (all.state === 'open' ? all : undefined),
    holds: () => all.state === 'open',
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
  const mine = new Map<number, HeldShare>()
  /** Those that are being given back. */
  const leaving = new Set<number>()
  let owners = new Map<number, ShareMember>()
  let joined = false
  let stopped = false
  /** Monotonic milliseconds until which it may begin calls. */
  let until = -Infinity
  const waiting: (() => void)[] = []
  let lookedAt = -Infinity

  const drop = (held: HeldShare): void => {
    held.state = 'over'
    if (mine.get(held.share) === held) mine.delete(held.share)
    void held.queue.close()
  }

  const release = async (held: HeldShare): Promise<void> => {
    leaving.add(held.share)
    held.state = 'over'
    mine.delete(held.share)
    try {
      await held.queue.close()
      await records.release(held)
    } catch (error) {
      log.warn('Cannot give keys back to other copies for now', { share: held.share, error })
    } finally {
      leaving.delete(held.share)
    }
  }

  const open = async (held: readonly HeldShare[], before: string | undefined): Promise<void> => {
    try {
      if (before !== undefined) await store.waitOut?.({ before: before === me ? undefined : before, patience: OPEN_STILL })
      for (const one of held) if (one.state === 'opening') one.state = 'open'
    } catch (error) {
      log.warn('Cannot take keys over for now', { shares: held.length, error })
      for (const one of held) drop(one)
    }
    tell(waiting.splice(0))
  }

  const claim = async (wanted: readonly Share[]): Promise<void> => {
    const owner = new Map(wanted.map((one) => [one.share, one.owner]))
    const held = (await records.claim(wanted)).map(({ share, epoch }): HeldShare => {
      return { share, epoch, queue: createKeyQueue({ limit: WAITING }), state: 'opening' }
    })
    for (const one of held) {
      mine.set(one.share, one)
      owners.delete(one.share)
    }
    for (const [before, shares] of Map.groupBy(held, ({ share }) => owner.get(share))) void open(shares, before)
  }

  const stay = async (): Promise<void> => {
    const sent = clock.monotonic()
    if (!joined || !(await records.renew(lease))) {
      if (joined) log.warn('This copy was taken for dead: its keys go to others', { shares: mine.size })
      for (const held of mine.values()) drop(held)
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
      const members = await records.members()
      const shares = await records.shares()
      const known = new Map(members.map((one) => [one.member, one]))
      owners = new Map(
        shares.flatMap(({ share, owner }) => (owner !== undefined && known.has(owner) ? [[share, known.get(owner)!]] : [])),
      )
      for (const { share, epoch, owner } of shares) {
        const held = mine.get(share)
        if (held !== undefined && (owner !== me || epoch !== held.epoch)) drop(held)
      }
      const { claim: wanted, release: surplus } = assignmentOf({
        ...{ shares, me, members: [...known.keys()], mine: new Set(mine.keys()), leaving },
      })
      for (const share of surplus) {
        const held = mine.get(share)!
        // One that is still opening is given back once nothing is open of the one before.
        if (held.state === 'open') void release(held)
      }
      if (!stopped) await claim(wanted)
    } finally {
      tell(told)
    }
  }

  const failed = (error: unknown): void => log.warn('Cannot look which copy has which keys; it is tried again', { error })
  let alarm: ReturnType<typeof createAlarm> | undefined
  const holds = (held: HeldShare): boolean => held.state === 'open' && clock.monotonic() < until

  return {
    held: (share) => {
      const held = mine.get(share)
      return held !== undefined && holds(held) ? held : undefined
    },
    holds,
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
      tell(waiting.splice(0))
      const open = [...mine.values()].filter(({ state }) => state === 'open')
      await inTime(timers, left(), Promise.all(open.map(release)), () => {})
      if (joined) await records.leave().catch((error: unknown) => log.warn('Cannot leave the copies that have keys', { error }))
    },
  }
}

function tell(waiting: readonly (() => void)[]): void {
  for (const one of waiting) one()
}
