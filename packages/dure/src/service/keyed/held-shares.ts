import type { SqlStore } from '../../data/data.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import type { Share } from './assignment.ts'
import { createKeyQueue, type KeyQueue } from './key-queue.ts'
import type { ShareRecords } from './share-records.ts'

/** A share that is this copy's, in one epoch. */
export type HeldShare = Pick<Share, 'share' | 'epoch'> & {
  readonly queue: KeyQueue
  /** `opening`: what the one before has begun is still waited for. `over`: given back, or lost. */
  state: 'opening' | 'open' | 'over'
}

/** Turns of one key that may wait. */
const WAITING = 1_000
/** Milliseconds for which what a lost member has begun may go on. */
const OPEN_STILL = 1_000

export function newShare({ share, epoch }: Pick<Share, 'share' | 'epoch'>, state: HeldShare['state']): HeldShare {
  return { share, epoch, queue: createKeyQueue({ limit: WAITING }), state }
}

/** The shares that a copy has in hand. */
export type HeldShares = {
  readonly get: (share: number) => HeldShare | undefined
  readonly numbers: () => ReadonlySet<number>
  /** Those that are being given back. */
  readonly leaving: ReadonlySet<number>
  /** Takes what can be had of these; begins once nothing is open of those who had them. */
  readonly claim: (wanted: readonly Share[]) => Promise<void>
  /** Drops those that are another's by now. */
  readonly compare: (noted: readonly Share[]) => void
  /** Gives it back when its calls have ended. One that is still opening stays until nothing is open of the one before. */
  readonly release: (share: number) => Promise<void>
  readonly drop: () => void
}

/** @param options.opened told when calls may begin in more of them */
export function createHeldShares(options: {
  readonly store: SqlStore
  readonly records: ShareRecords
  readonly log: Logger
  readonly opened: () => void
}): HeldShares {
  const { store, records, log, opened } = options
  const mine = new Map<number, HeldShare>()
  const leaving = new Set<number>()

  const drop = (held: HeldShare): void => {
    held.state = 'over'
    if (mine.get(held.share) === held) mine.delete(held.share)
    void held.queue.close()
  }

  const open = async (held: readonly HeldShare[], before: string | undefined): Promise<void> => {
    try {
      // Who has given it back has nothing open.
      if (before !== undefined)
        await store.waitOut?.({ before: before === store.member ? undefined : before, patience: OPEN_STILL })
      for (const one of held) if (one.state === 'opening') one.state = 'open'
    } catch (error) {
      log.warn('Cannot take keys over for now', { shares: held.length, error })
      for (const one of held) drop(one)
    }
    opened()
  }

  return {
    get: (share) => mine.get(share),
    numbers: () => new Set(mine.keys()),
    leaving,
    claim: async (wanted) => {
      const owners = new Map(wanted.map(({ share, owner }) => [share, owner]))
      const held = (await records.claim(wanted)).map((one) => newShare(one, 'opening'))
      for (const one of held) mine.set(one.share, one)
      for (const [before, shares] of Map.groupBy(held, ({ share }) => owners.get(share))) void open(shares, before)
    },
    compare: (noted) => {
      for (const { share, epoch, owner } of noted) {
        const held = mine.get(share)
        if (held !== undefined && (owner !== store.member || epoch !== held.epoch)) drop(held)
      }
    },
    release: async (share) => {
      const held = mine.get(share)
      if (held?.state !== 'open') return
      leaving.add(share)
      held.state = 'over'
      mine.delete(share)
      try {
        await held.queue.close()
        await records.release(held)
      } catch (error) {
        log.warn('Cannot give keys back to other copies for now', { share, error })
      } finally {
        leaving.delete(share)
      }
    },
    drop: () => {
      for (const held of mine.values()) drop(held)
    },
  }
}
