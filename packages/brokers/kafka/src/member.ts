import {
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
  heartbeatV4,
  joinGroupV9,
  leaveGroupV5,
  syncGroupV5,
  type GroupAssignment,
} from '@platformatic/kafka'
import { backoff } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import { shareOut, type Claim, type Spot } from './assignment.ts'
import { isRefusal, type Cluster } from './cluster.ts'
import type { Identity } from './offsets.ts'

/** A member of a consumer group: joins, beats, joins again when others come and go, leaves. */
export type GroupMember = {
  /** Resolves when it has been given its first share, however small. */
  readonly joined: Promise<void>
  readonly identity: () => Identity | undefined
  /** What it has, or refuses, is another thing than at its last joining. */
  readonly joinAgain: () => void
  readonly leave: () => Promise<void>
}

export type GroupMemberOptions = {
  readonly cluster: Cluster
  readonly runtime: Runtime
  readonly group: string
  readonly topics: readonly string[]
  /** Milliseconds without a sign of life after which the group goes on without it, and between such signs. */
  readonly session: number
  readonly heartbeat: number
  readonly partitionsOf: (topics: readonly string[]) => Promise<ReadonlyMap<string, number>>
  readonly owned: () => readonly Spot[]
  readonly refused: () => readonly Spot[]
  /** All that is its own from now on. */
  readonly assigned: (share: readonly Spot[]) => void
  /** The group has gone on without it. */
  readonly lost: () => void
  readonly onError: (error: unknown) => void
  /** Aborted when there are no connections any more. */
  readonly closed: AbortSignal
}

const PROTOCOL = 'cooperative-sticky'
const RETRY = { first: 50, max: 2_000 }
/** Milliseconds between looks whether topics have more partitions. */
const LOOK = 30_000

/**
 * The client's own consumer joins again by itself when a commit is refused, and then commits after all; what was late would
 * count. So this speaks the group protocol itself, and whoever is late is refused.
 */
export function joinGroup(options: GroupMemberOptions): GroupMember {
  const { cluster, runtime, group, topics, session, heartbeat } = options
  const { timers, clock, random } = runtime
  // The broker answers a joining when all have joined, and meanwhile nothing else on that connection.
  const pool = cluster.connections(session * 2 + 10_000)
  const here = { pool, tries: 1 }
  const joined = Promise.withResolvers<void>()
  let leaving = false
  let waking = new AbortController()
  let member = ''
  let generation = -1
  /** How often there was a reason to join, and up to which of them it has. */
  let reasons = 1
  let heeded = 0
  /** Partitions of each topic, as they were shared out by this member. */
  let shared: ReadonlyMap<string, number> | undefined
  let looked = clock.monotonic()

  const isOver = (): boolean => leaving || options.closed.aborted
  const wakeUp = (): void => {
    waking.abort()
    waking = new AbortController()
  }
  options.closed.addEventListener('abort', wakeUp)

  const run = async (): Promise<void> => {
    for (let failed = 0; !isOver();) {
      try {
        if (reasons !== heeded) {
          const reason = reasons
          await join()
          heeded = reason
          joined.resolve()
        } else {
          await timers.sleep(heartbeat, waking.signal)
          if (!isOver()) await beat()
        }
        failed = 0
      } catch (error) {
        if (isOver()) return
        judge(error)
        if (isOrdinary(error)) continue
        options.onError(error)
        await timers.sleep(backoff(RETRY, ++failed, random), waking.signal)
      }
    }
  }

  const join = async (): Promise<void> => {
    const owned = options.owned()
    const metadata = encodeConsumerProtocolSubscription({
      ...{ version: 2, topics: [...topics], ownedPartitions: byTopic(owned), generationId: owned.length > 0 ? generation : -1 },
      ...{ userData: Buffer.from(JSON.stringify(options.refused())), rackId: null },
    })
    const answer = await cluster.atCoordinator(
      group,
      (connection) =>
        joinGroupV9.api.async(connection, group, session, session, member, null, 'consumer', [{ name: PROTOCOL, metadata }]),
      here,
    )
    member = answer.memberId
    generation = answer.generationId
    const assignments = answer.leader === member ? await share(answer.members) : []
    const synced = await cluster.atCoordinator(
      group,
      (connection) => syncGroupV5.api.async(connection, group, generation, member, null, 'consumer', PROTOCOL, assignments),
      here,
    )
    const { assignedPartitions } = decodeConsumerProtocolAssignment(synced.assignment)
    options.assigned(assignedPartitions.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))))
  }

  const share = async (members: readonly Joined[]) => {
    const claims = members.map(claimOf)
    shared = await options.partitionsOf([...new Set(claims.flatMap(({ topics: read }) => read))])
    looked = clock.monotonic()
    return [...shareOut(claims, shared)].map(([memberId, spots]) => ({
      memberId,
      assignment: encodeConsumerProtocolAssignment({ version: 1, assignedPartitions: byTopic(spots), userData: null }),
    }))
  }

  const beat = async (): Promise<void> => {
    if (reasons !== heeded) return
    await cluster.atCoordinator(group, (connection) => heartbeatV4.api.async(connection, group, generation, member), here)
    if (shared === undefined || clock.monotonic() - looked < LOOK) return
    looked = clock.monotonic()
    const now = await options.partitionsOf([...shared.keys()])
    if ([...shared].some(([topic, count]) => now.get(topic) !== count)) reasons++
  }

  /** What a refusal says of this member. */
  const judge = (error: unknown): void => {
    const isLost = ['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID'].some((id) => isRefusal(error, id))
    if (isRefusal(error, 'MEMBER_ID_REQUIRED')) member = memberIdIn(error)
    else if (isLost) {
      if (!isRefusal(error, 'ILLEGAL_GENERATION')) member = ''
      generation = -1
      options.lost()
      reasons++
    } else if (isRefusal(error, 'REBALANCE_IN_PROGRESS')) reasons++
  }

  /** On another connection than the one where a joining may wait. Who cannot say it is found missing when its session ends. */
  const goodbye = async (): Promise<void> => {
    if (member === '') return
    const members = [{ memberId: member, groupInstanceId: null, reason: 'stopped' }]
    const leave = cluster.atCoordinator(group, (connection) => leaveGroupV5.api.async(connection, group, members), { tries: 2 })
    await leave.catch(() => {})
  }

  const running = run()
  return {
    joined: joined.promise,
    identity: () => (member === '' || generation < 0 ? undefined : { member, generation }),
    joinAgain: () => {
      reasons++
      wakeUp()
    },
    leave: async () => {
      leaving = true
      wakeUp()
      const left = member
      await goodbye()
      await running
      joined.resolve()
      if (member !== left) await goodbye()
      options.closed.removeEventListener('abort', wakeUp)
      await pool.close()
    },
  }
}

type Joined = { readonly memberId: string; readonly metadata: Buffer }

function claimOf({ memberId, metadata }: Joined): Claim {
  const { topics, ownedPartitions, generationId, userData } = decodeConsumerProtocolSubscription(metadata)
  const owned = ownedPartitions.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })))
  return { member: memberId, topics, owned, generation: generationId, refused: refusedOf(userData) }
}

/** What happens whenever members come and go. */
function isOrdinary(error: unknown): boolean {
  return isRefusal(error, 'MEMBER_ID_REQUIRED') || isRefusal(error, 'REBALANCE_IN_PROGRESS')
}

/** The broker gives a new member its id with a refusal. */
function memberIdIn(error: unknown): string {
  return String((error as { readonly response?: { readonly memberId?: unknown } }).response?.memberId ?? '')
}

function byTopic(spots: readonly Spot[]): GroupAssignment[] {
  return [...Map.groupBy(spots, ({ topic }) => topic)].map(([topic, of]) => {
    return { topic, partitions: of.map(({ partition }) => partition) }
  })
}

/** A member that is written otherwise refuses nothing. */
function refusedOf(userData: Buffer | null): readonly Spot[] {
  try {
    const read: unknown = JSON.parse(String(userData))
    return Array.isArray(read) ? (read as Spot[]).filter((spot) => typeof spot?.partition === 'number') : []
  } catch {
    return []
  }
}
