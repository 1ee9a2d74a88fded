import type { SubscribeOptions } from 'dure/messaging'
import { createPartitionLoop, isNewerMessage, type Member } from 'dure/messaging/adapter'
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

export function openFeed(options: FeedOptions): Feed {
  const { link, runtime, topic, partition, epoch, member, isAlive } = options
  let isLost = false
  const failed = (error: unknown): void => void (isLost || member.onError?.(error))
  const intake = createIntake({
    ...options,
    ...{ group: member.group, most: member.batch ?? 256, failed, came: () => loop.wake() },
  })

  const self: Member = {
    ...{ held: 0, leaving: false, released: undefined },
    options: {
      ...member,
      onError: failed,
      deliver: async (batch, place) => {
        try {
          await member.deliver(batch, place)
        } catch (error) {
          if (isNewerMessage(error)) options.refused()
          throw error
        }
      },
      assigned: async (assignment) => {
        const answer = await member.assigned?.(assignment)
        await link.guard(`read partition ${partition} of topic "${topic.name}"`, () => intake.open(answer?.after))
      },
      revoked: async (place) => {
        if (!isLost) await member.revoked?.(place)
      },
    },
  }
  const isMine = (): boolean => !isLost && isAlive()
  const loop = createPartitionLoop(runtime, {
    ...{ topic: topic.name, partition, members: () => [self], moveTo: () => {} },
    epoch: () => ({ epoch, broker: `${options.identity}/${topic.created}` }),
    more: () => isMine() && intake.first(1).length > 0,
    next: (limit) => (isMine() ? intake.first(limit) : []),
    settle: (batch, taken) => {
      if (taken && !isLost) intake.taken(batch.length)
    },
  })

  /** Takes it from its member, as soon as that is through with what it has in hand. */
  const end = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      self.released = resolve
      loop.assign(undefined)
      if (self.held === 0) resolve()
    })
    await intake.end()
  }
  let ending: Promise<void> | undefined
  void options.after.then(() => (ending === undefined ? loop.assign(self) : undefined))

  return {
    epoch,
    restart: intake.restart,
    wake: () => {
      loop.wake()
      intake.ask()
    },
    release: () => (ending ??= end()),
    lose: () => {
      isLost = true
      return (ending ??= end())
    },
  }
}
