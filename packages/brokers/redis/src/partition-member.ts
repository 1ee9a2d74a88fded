import { createPartitionLoop, type Member } from 'dure/messaging/adapter'
import type { Assignment, SubscribeOptions } from 'dure/messaging'
import type { Runtime } from 'dure/runtime'
import type { Reader } from './reader.ts'

/** One partition as a member meets it: had, given back or lost, and had again in a later epoch. */
export type PartitionMember = { readonly take: (assignment: Assignment) => Held }

/** A partition that is the member's in one epoch. */
export type Held = {
  readonly partition: number
  readonly epoch: number
  /** What is read of it; undefined before its member is told of it. */
  readonly reader: () => Reader | undefined
  /** Ends when its batch is settled and its member has given it back. */
  readonly give: () => void
  /** Another has it: ends without a word when its batch has. */
  readonly lose: () => void
  readonly wake: () => void
}

export function createPartitionMember(options: {
  readonly runtime: Runtime
  readonly topic: string
  readonly partition: number
  readonly subscribe: SubscribeOptions
  /** Whether it is certain that no other member has it. */
  readonly valid: () => boolean
  readonly read: (wake: () => void) => Reader
  /** A batch was taken. */
  readonly settled: () => void
  /** It is nobody's here any more. `passed`: its messages are of a later release, which another member may be of. */
  readonly ended: (held: Held, how: 'given' | 'passed' | 'lost') => void
}): PartitionMember {
  const { runtime, topic, partition, subscribe, valid, settled, ended } = options
  /** Of whoever has it now: when it is another one, what the one before it had in hand has ended. */
  let reader: Reader | undefined
  const elsewhere: Member = { options: subscribe, held: 0, leaving: false, released: undefined }
  const loop = createPartitionLoop(runtime, {
    ...{ topic, partition },
    next: (limit) => (valid() ? reader!.next(limit) : []),
    more: () => valid() && reader!.more(),
    settle: (batch, taken) => {
      reader!.settle(batch, taken)
      if (taken) settled()
    },
    moveTo: (after) => reader!.moveTo(after),
    members: () => [elsewhere],
    // Each member is told of the one that it was made for.
    epoch: () => ({ epoch: 0, broker: '' }),
  })

  const take: PartitionMember['take'] = (assignment) => {
    let own: Reader | undefined
    let lost = false
    const released = (): void => {
      if (member.held > 0 || loop.wanted() === member) return
      own?.stop()
      if (lost) return ended(held, 'lost')
      if (loop.wanted() !== elsewhere) return ended(held, 'given')
      loop.assign(undefined)
      ended(held, 'passed')
    }
    const member: Member = {
      options: {
        ...subscribe,
        assigned: async () => {
          own?.stop()
          reader = own = options.read(loop.wake)
          return subscribe.assigned?.(assignment)
        },
        revoked: async (place) => {
          if (!lost) await subscribe.revoked?.(place)
        },
      },
      ...{ held: 0, leaving: false, released },
    }
    const give = (): void => {
      if (loop.wanted() !== member) return
      loop.assign(undefined)
      released()
    }
    const held: Held = {
      ...{ partition, epoch: assignment.epoch, reader: () => own, give, wake: loop.wake },
      lose: () => {
        lost = true
        own?.stop()
        give()
      },
    }
    loop.assign(member)
    return held
  }
  return { take }
}
