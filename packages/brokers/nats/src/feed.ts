import type { SubscribeOptions } from 'dure/messaging'
import { holdPartition } from 'dure/messaging/adapter'
import { createIntake, type IntakeOptions } from './intake.ts'

/** A partition that is a member's, in one epoch: what comes of it is handed over until it is given back or lost. */
export type Feed = {
  readonly epoch: number
  /** Gives it back: resolves when what was in hand has settled, its member has been told, and the server knows what was taken. */
  readonly release: () => Promise<void>
  /** It is somebody else's: nothing more is handed over. Resolves when what was in hand has settled. */
  readonly lose: () => Promise<void>
  /** Something may have changed: looks again. */
  readonly wake: () => void
  readonly restart: () => void
}

export type FeedOptions = Omit<IntakeOptions, 'group' | 'most' | 'came' | 'failed'> & {
  /** Which broker this is. */
  readonly identity: string
  readonly member: SubscribeOptions
  /** Whether its member is heard of: if not, others may have the partition already. */
  readonly isAlive: () => boolean
  /** What was in hand of the epoch before has settled. */
  readonly after: Promise<void>
  /** Its member did not know what comes next. */
  readonly refused: () => void
}

/** Batches that are in hand or on their way: the server is asked for more before the last one is taken. */
const AHEAD = 4

export function openFeed(options: FeedOptions): Feed {
  const { link, runtime, topic, partition, epoch, member } = options
  const intake = createIntake({
    ...options,
    ...{ group: member.group, most: AHEAD * (member.batch ?? 256) },
    ...{ failed: (error: unknown) => member.onError?.(error), came: () => hold.wake() },
  })
  const hold = holdPartition(runtime, {
    assignment: { topic: topic.name, partition, epoch, broker: `${options.identity}/${topic.created}` },
    ...{ member, after: options.after, isMine: options.isAlive, refused: options.refused },
    open: (after) => link.guard(`read partition ${partition} of topic "${topic.name}"`, () => intake.open(after)),
    next: intake.first,
    taken: (batch) => intake.taken(batch.length),
  })
  let ending: Promise<void> | undefined

  return {
    epoch,
    restart: intake.restart,
    wake: () => {
      hold.wake()
      intake.ask()
    },
    release: () => (ending ??= hold.give().then(intake.end)),
    lose: () => {
      const [ended, lost] = [intake.end(), hold.lose()]
      return (ending ??= ended.then(() => lost))
    },
  }
}
