import { backoff } from '../../runtime/internal.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import type { HeldPartition } from './held-partition.ts'
import type { SubscribeOptions } from '../topics.ts'
import type { GroupRecord, GroupRecords } from './group-record.ts'
import { nextGroupRecord, wantedOwners } from './group-sharing.ts'

/** The members that this process has in a group on a topic, and how they share its partitions with those of others. */
export type GroupMembers = {
  /** Joins: `known` when the group knows it; `leave` resolves when nothing of it is in hand any more and the group knows. */
  readonly join: (options: SubscribeOptions) => { readonly known: Promise<void>; readonly leave: () => Promise<void> }
  /** Something may have changed: who is alive, what the record says, what there is to read. */
  readonly look: () => void
  readonly isEmpty: () => boolean
  /** Ends without a word to the others. */
  readonly close: () => void
}

export type GroupMembersOptions = {
  readonly runtime: Runtime
  readonly log: Logger
  readonly topic: string
  readonly group: string
  readonly records: GroupRecords
  /** A name for a member that no other process gives. */
  readonly newId: () => string
  readonly isConnected: () => boolean
  /** Whether a member of another process has not been heard of for too long. */
  readonly isDead: (id: string) => boolean
  /** Begins to read a partition for a member of this process. */
  readonly open: (options: OpenPartition) => HeldPartition
}

export type OpenPartition = {
  readonly member: SubscribeOptions
  readonly partition: number
  readonly epoch: number
  /** What was in hand of the epoch before has settled. */
  readonly after: Promise<void>
  /** Its member did not know what comes next. */
  readonly refused: () => void
}

type Held = HeldPartition & { readonly epoch: number }

type Local = {
  readonly id: string
  readonly options: SubscribeOptions
  readonly held: Map<number, Held>
  /** What partitions that were lost have still in hand. */
  readonly ending: Map<number, Promise<void>>
  /** To be written: given back, or not known what comes next. */
  readonly released: Set<number>
  readonly refused: Set<number>
  leaving: boolean
  readonly joined: PromiseWithResolvers<void>
  readonly left: PromiseWithResolvers<void>
}

/**
 * Has the members of this process share a topic's partitions with those of others, by a record that all of them change by comparing
 * its revision, so that all see one order of changes. Everybody computes from it who is to have what. Who has a partition gives it
 * back before it is written as another's; of members that are not heard of any more the others write it.
 *
 * @example
 * ```ts
 * import { createGroupMembers, type GroupRecord } from 'dure/messaging/adapter'
 * import { realRuntime } from 'dure/runtime'
 * import { silentLogger } from 'dure/telemetry'
 *
 * let [record, revision]: [GroupRecord, number] = [{ members: [], partitions: [{ epoch: 0 }] }, 0]
 * const given = Promise.withResolvers<void>()
 * const members = createGroupMembers({
 *   ...{ runtime: realRuntime(), log: silentLogger(), topic: 'orders', group: 'billing', newId: () => 'me' },
 *   ...{ isConnected: () => true, isDead: () => false },
 *   records: {
 *     read: async () => ({ record, revision }),
 *     write: async (next) => {
 *       record = next
 *       return ++revision
 *     },
 *   },
 *   open: ({ partition, epoch }) => {
 *     console.log(partition, epoch) // → 0 1
 *     given.resolve()
 *     return { wake: () => {}, give: async () => {}, lose: async () => {} }
 *   },
 * })
 * members.join({ group: 'billing', topics: ['orders'], deliver: async () => {} })
 * await given.promise
 * members.close()
 * ```
 */
export function createGroupMembers(options: GroupMembersOptions): GroupMembers {
  const { runtime, log, topic, group, records, newId, isConnected, isDead, open } = options
  const locals = new Map<string, Local>()
  let isClosed = false

  const poke = inTurns(runtime, {
    isReady: () => !isClosed && isConnected(),
    work: () => look(),
    failed: (error) => log.warn('Who reads what could not be looked at; trying again', { group, topic, error: String(error) }),
  })

  const look = async (): Promise<void> => {
    const found = await records.read()
    const next = nextGroupRecord(found.record, found.revision, {
      own: [...locals.values()].filter(({ leaving, held, ending }) => !leaving || held.size + ending.size > 0),
      ...{ isOwn: (id) => locals.has(id), isDead },
      released: (id, partition) => locals.get(id)!.released.has(partition),
      refused: (id, partition) => locals.get(id)?.refused.has(partition) === true,
    })
    if (JSON.stringify(next) !== JSON.stringify(found.record)) {
      const written = [...locals.values()].flatMap(({ released, refused }) =>
        [released, refused].map((set) => ({ set, was: [...set] })),
      )
      if ((await records.write(next, found.revision)) === undefined) {
        // Somebody else was first: what it wrote is looked at.
        poke()
        return runtime.timers.sleep(runtime.random.number() * 20)
      }
      for (const { set, was } of written) was.forEach((partition) => set.delete(partition))
    }
    if (!isClosed) apply(next)
  }

  /** Has what this process holds be what the record says. */
  const apply = (record: GroupRecord): void => {
    const wanted = wantedOwners(record)
    for (const local of locals.values()) {
      const isMember = record.members.some(({ id }) => id === local.id)
      if (isMember) local.joined.resolve()
      for (const [partition, { owner, epoch, refused }] of record.partitions.entries()) {
        const known = local.held.get(partition)
        if (known !== undefined && (owner !== local.id || known.epoch !== epoch)) lose(local, partition, known)
        if (owner !== local.id) {
          local.released.delete(partition)
          local.refused.delete(partition)
        } else if (!local.released.has(partition)) {
          const held = local.held.get(partition) ?? hold(local, partition, epoch)
          const goes = wanted[partition] !== local.id || refused?.includes(local.id) || local.refused.has(partition)
          if (goes) void held.give().then(() => given(local, partition, held))
        }
      }
      if (!local.leaving || isMember || local.held.size + local.ending.size > 0) continue
      locals.delete(local.id)
      local.left.resolve()
    }
  }

  const hold = (local: Local, partition: number, epoch: number): Held => {
    const refused = (): void => void (local.refused.add(partition), poke())
    const after = local.ending.get(partition) ?? Promise.resolve()
    const held = { ...open({ member: local.options, partition, epoch, after, refused }), epoch }
    local.held.set(partition, held)
    return held
  }
  const given = (local: Local, partition: number, held: Held): void => {
    if (local.held.get(partition) !== held) return
    local.held.delete(partition)
    local.released.add(partition)
    poke()
  }
  const lose = (local: Local, partition: number, held: Held): void => {
    local.held.delete(partition)
    const ended = held.lose().then(() => {
      if (local.ending.get(partition) === ended) local.ending.delete(partition)
      poke()
    })
    local.ending.set(partition, ended)
  }
  const all = () => [...locals.values()].flatMap((local) => [...local.held.values()])

  return {
    isEmpty: () => locals.size === 0,
    look: () => {
      for (const held of all()) held.wake()
      poke()
    },
    join: (given) => {
      const local: Local = {
        ...{ id: newId(), options: given, held: new Map(), ending: new Map(), released: new Set(), refused: new Set() },
        ...{ leaving: false, joined: Promise.withResolvers(), left: Promise.withResolvers() },
      }
      locals.set(local.id, local)
      poke()
      const leave = async (): Promise<void> => {
        local.leaving = true
        poke()
        if (isConnected()) return local.left.promise
        // Nobody can be told: the others find out.
        await Promise.all([...local.held.values()].map((held) => held.give()))
        locals.delete(local.id)
      }
      return { known: local.joined.promise, leave }
    },
    close: () => {
      isClosed = true
      for (const held of all()) void held.lose()
      for (const { joined } of locals.values()) joined.resolve()
    },
  }
}

/** Has work done, one piece after the other, and again as often as it is asked for; what fails is tried again. */
function inTurns(
  runtime: Runtime,
  parts: { readonly isReady: () => boolean; readonly work: () => Promise<void>; readonly failed: (error: unknown) => void },
): () => void {
  let [isWorking, again] = [false, false]
  const run = async (): Promise<void> => {
    isWorking = true
    for (let failures = 0; again && parts.isReady();) {
      again = false
      try {
        await parts.work()
        failures = 0
      } catch (error) {
        again = true
        if (failures++ === 0) parts.failed(error)
        await runtime.timers.sleep(backoff({ first: 50, max: 5_000 }, failures, runtime.random))
      }
    }
    isWorking = false
  }
  return () => {
    again = true
    if (!isWorking) void run()
  }
}
