import type { Runtime } from '../runtime/runtime.ts'
import { backoff } from '../runtime/internal.ts'
import { isNewerMessage } from './newer-message.ts'
import type { Assignment, Delivery, SubscribeOptions } from './topics.ts'

/** One member of a group, for adapters that share partitions out themselves. */
export type Member = {
  readonly options: SubscribeOptions
  /** Partitions that are its own, until they have been revoked. */
  held: number
  /** Takes nothing new. */
  leaving: boolean
  /** Called when a partition is its own no more. */
  released: (() => void) | undefined
}

/** Where a group's messages of one partition come from, and what is noted of them. */
export type PartitionSource = {
  readonly topic: string
  readonly partition: number
  /** What comes next, at most `limit` messages; empty when there is nothing. */
  readonly next: (limit: number) => readonly Delivery[]
  /** The batch was taken: the next one begins after it. Or it was not, and comes again. */
  readonly settle: (batch: readonly Delivery[], taken: boolean) => void
  /** Whether there is anything to come. */
  readonly more: () => boolean
  /** Goes to behind the position after which its new member wants to read. */
  readonly moveTo: (after: string) => void
  /** Who reads as the group: one of them is given what another does not know yet. */
  readonly members: () => readonly Member[]
  /** The next of the epochs of the broker of this identity. */
  readonly epoch: () => Pick<Assignment, 'epoch' | 'broker'>
}

/** Hands a partition's messages to the member that has it: one batch at a time, again when it was not taken. */
export type PartitionLoop = {
  /** Whose it is, or is about to be. */
  readonly wanted: () => Member | undefined
  /** Gives the partition to a member (or to nobody) as soon as the batch in hand is settled and its owner has given it back. */
  readonly assign: (member: Member | undefined) => void
  /** Something has come. */
  readonly wake: () => void
}

const RETRY = { first: 50, max: 10_000 }

/**
 * Makes the loop of one partition of a group, for adapters that share partitions out themselves. It hands over one batch at a time,
 * brings one again that was not taken, and moves the partition only when the batch in hand is settled.
 */
export function createPartitionLoop(runtime: Runtime, source: PartitionSource): PartitionLoop {
  const place = { topic: source.topic, partition: source.partition }
  let owner: Member | undefined
  let wanted: Member | undefined
  let running = false
  let failures = 0
  /** Members that do not know what comes next. */
  const older = new Set<Member>()
  let pausing = new AbortController()
  const pause = (): Promise<void> => runtime.timers.sleep(backoff(RETRY, failures, runtime.random), pausing.signal)

  const run = async (): Promise<void> => {
    running = true
    for (;;) {
      while (owner !== wanted) await handOver()
      if (owner === undefined) break
      const outcome = await deliver(owner)
      if (wanted !== owner) continue
      // Nothing can have come since the look: a look that finds nothing does not wait for anything.
      if (outcome === 'none' && !source.more()) break
      // A long backlog must not keep the event loop from everybody else.
      if (outcome === 'failed') await pause()
      else if (source.more()) await new Promise<void>((resolve) => runtime.timers.soon(resolve))
    }
    running = false
  }

  /** Takes it from its owner, then gives it to the one that is to have it by then. */
  const handOver = async (): Promise<void> => {
    const before = owner
    owner = undefined
    if (before !== undefined) {
      try {
        await before.options.revoked?.(place)
      } catch (error) {
        // Who cannot even be told has lost it.
        before.options.onError?.(error)
      }
      release(before)
    }
    const next = wanted
    if (next === undefined) return
    next.held++
    try {
      const answer = await next.options.assigned?.({ ...place, ...source.epoch() })
      if (answer !== undefined) source.moveTo(answer.after)
      failures = 0
      owner = next
    } catch (error) {
      next.options.onError?.(error)
      release(next)
      failures++
      if (wanted === next) await pause()
    }
  }

  const release = (member: Member): void => {
    member.held--
    member.released?.()
  }

  const deliver = async (member: Member): Promise<'done' | 'none' | 'failed'> => {
    let batch: readonly Delivery[] = []
    try {
      batch = source.next(member.options.batch ?? 256)
      if (batch.length === 0) return 'none'
      await member.options.deliver(batch, place)
    } catch (error) {
      failures++
      if (batch.length > 0) source.settle(batch, false)
      member.options.onError?.(error)
      if (isNewerMessage(error) && wanted === member) passOn(member)
      return 'failed'
    }
    failures = 0
    older.clear()
    source.settle(batch, true)
    return 'done'
  }

  /** Another member may be of a later release; when all have been asked, they are asked again, after a pause. */
  const passOn = (member: Member): void => {
    older.add(member)
    const [next] = source
      .members()
      .filter((one) => !one.leaving && !older.has(one))
      .toSorted((a, b) => a.held - b.held)
    if (next === undefined) older.clear()
    else wanted = next
  }

  return {
    wanted: () => wanted,
    assign: (member) => {
      wanted = member
      if (owner === member) return
      pausing.abort()
      pausing = new AbortController()
      if (!running) void run()
    },
    wake: () => void (running || run()),
  }
}

/**
 * Shares a group's partitions out among its members, evenly. Who has a partition keeps it, as far as that is fair: moving one
 * costs its members what they know of it.
 *
 * @example
 * ```ts
 * import { sharePartitions, type Member } from 'dure/messaging/adapter'
 *
 * const member = (group: string): Member => {
 *   return { options: { group, topics: [], deliver: async () => {} }, held: 0, leaving: false, released: undefined }
 * }
 * const members = [member('a'), member('b')]
 * const owners: (Member | undefined)[] = [undefined, undefined]
 * const places = owners.map((_, n) => {
 *   return { wanted: () => owners[n], assign: (owner: Member | undefined) => void (owners[n] = owner) }
 * })
 * sharePartitions(places, members)
 * console.log(owners.map((owner) => owner?.options.group)) // → [ 'a', 'b' ]
 * ```
 */
export function sharePartitions(loops: readonly Pick<PartitionLoop, 'wanted' | 'assign'>[], members: readonly Member[]): void {
  const staying = members.filter((member) => !member.leaving)
  const shares = new Map(staying.map((member) => [member, 0]))
  const least = Math.floor(loops.length / staying.length)
  // So many may have one more than the others.
  let more = loops.length % staying.length
  const toMove = loops.filter((loop) => {
    const member = loop.wanted()
    const has = member && shares.get(member)
    if (has === undefined || has > least || (has === least && more === 0)) return true
    if (has === least) more--
    shares.set(member!, has + 1)
    return false
  })
  for (const loop of toMove) {
    const next = staying.reduce<Member | undefined>(
      (best, member) => (best === undefined || shares.get(member)! < shares.get(best)! ? member : best),
      undefined,
    )
    if (next !== undefined) shares.set(next, shares.get(next)! + 1)
    loop.assign(next)
  }
}
