import { CallError } from 'dure/contract'
import type { GroupLag, SubscribeOptions } from 'dure/messaging'
import { createGroupMembers, type BrokerServer, type GroupMembers, type GroupRecord } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { createCommits } from './commits.ts'
import { holding } from './held.ts'
import type { Link } from './link.ts'
import type { Log } from './log.ts'
import { groupKey, type GroupState } from './state.ts'
import type { RabbitTopics } from './topics.ts'

/** Consumer groups, which the server knows nothing of: who has what and how far it is stands in the log. */
export type RabbitGroups = Pick<BrokerServer, 'declareGroup' | 'subscribe'> & {
  readonly lag: () => Promise<readonly GroupLag[]>
  /** The state of a group that nobody reads as; undefined when somebody does. */
  readonly unused: (topic: string, group: string) => Promise<GroupState | undefined>
  readonly close: () => void
}

/** Signs of life within a lease. */
const TIMES = 6

export function createGroups(options: {
  readonly link: Link
  readonly log: Log
  readonly topics: RabbitTopics
  readonly runtime: Runtime
  readonly logger: Logger
  readonly lease: number
}): RabbitGroups {
  const { link, log, topics, runtime, logger, lease } = options
  const { timers, clock } = runtime
  const joined = new Map<string, { readonly members: GroupMembers; seen: number }>()
  const commits = createCommits({ log, runtime })
  let count = 0

  const stateOf = (topic: string, group: string): GroupState | undefined => log.state().groups.get(groupKey(topic, group))
  const processOf = (member: string): string => member.slice(0, member.lastIndexOf('/'))

  const extents = async (topic: string) =>
    Promise.all(
      Array.from({ length: (await topics.declare(topic)).partitions }, (_, partition) => topics.extent(topic, partition)),
    )

  const declareGroup: RabbitGroups['declareGroup'] = async ({ group, topics: names, from }) => {
    for (const topic of names) {
      await topics.declare(topic)
      if (stateOf(topic, group) !== undefined) continue
      const places = await extents(topic)
      const positions = places.map(({ first, end }) => (from === 'end' ? end : first))
      await log.write({ do: 'group', topic, group, positions })
    }
  }

  const open = holding({ link, log, topics, commits, runtime, logger, lease, budget: { used: 0 } })

  const membersOf = (topic: string, group: string): GroupMembers => {
    const key = groupKey(topic, group)
    const known = joined.get(key)
    if (known !== undefined) return known.members
    const members = createGroupMembers({
      ...{ runtime, log: logger, topic, group, open: open(topic, group), isConnected: link.isConnected },
      newId: () => `${log.here}/${++count}`,
      isDead: (id) => log.silence(processOf(id)) > lease,
      records: {
        read: async () => {
          const { partitions } = await topics.declare(topic)
          if (stateOf(topic, group) === undefined) await declareGroup({ group, topics: [topic], from: 'beginning' })
          const { record, revision } = stateOf(topic, group)!
          return { record: resized(record, partitions), revision }
        },
        write: async (record, revision) => {
          const { taken, offset } = await log.write({ do: 'share', topic, group, record, revision })
          return taken ? offset : undefined
        },
      },
    })
    joined.set(key, { members, seen: -1 })
    return members
  }

  log.onChange(() => {
    for (const [key, one] of joined) {
      const revision = log.state().groups.get(key)?.revision ?? 0
      if (one.seen === revision) continue
      one.seen = revision
      one.members.look()
    }
  })
  let ticked = clock.monotonic()
  const tick = (): void => {
    timer = timers.after(lease / TIMES, tick)
    const now = clock.monotonic()
    // Who stood still has heard nothing: everybody gets another lease before it judges.
    if (now - ticked > lease / 2) log.forgetSilence()
    ticked = now
    log.beat(joined.size > 0)
    if (!link.isConnected()) return
    for (const { members } of joined.values()) members.look()
  }
  let timer = timers.after(lease / TIMES, tick)
  const unlisten = link.onReconnect(() => log.forgetSilence())

  const subscribe: RabbitGroups['subscribe'] = async (request: SubscribeOptions) => {
    const own = request.topics.map((topic) => {
      const members = membersOf(topic, request.group)
      return { key: groupKey(topic, request.group), members, ...members.join(request) }
    })
    await Promise.all(own.map(({ known }) => known))
    return async () => {
      await Promise.all(
        own.map(async ({ key, members, leave }) => {
          await leave()
          if (!members.isEmpty() || joined.get(key)?.members !== members) return
          joined.delete(key)
          members.close()
        }),
      )
    }
  }

  const unused: RabbitGroups['unused'] = async (topic, group) => {
    await log.sync()
    const quietOf = (members: GroupRecord['members'] = []): number =>
      Math.min(Infinity, ...members.map(({ id }) => log.silence(processOf(id))))
    quietOf(stateOf(topic, group)?.record.members)
    const since = clock.monotonic()
    for (;;) {
      const state = stateOf(topic, group)
      if (state === undefined) throw new CallError('NOT_FOUND', `There is no group "${group}" on topic "${topic}"`)
      const { members } = state.record
      if (members.some(({ id }) => processOf(id) === log.here)) return undefined
      const quiet = quietOf(members)
      if (quiet > lease) return state
      // One that lives says so several times within a lease.
      if (clock.monotonic() - since > quiet) return undefined
      await timers.sleep(lease / TIMES / 2)
    }
  }

  return {
    ...{ declareGroup, subscribe, unused },
    lag: async () => lagOf((await log.sync()).groups.values(), extents),
    close: () => {
      timer.cancel()
      unlisten()
      commits.close()
      for (const { members } of joined.values()) members.close()
    },
  }
}

function resized({ members, partitions }: GroupRecord, count: number): GroupRecord {
  return { members, partitions: Array.from({ length: count }, (_, at) => partitions[at] ?? { epoch: 0 }) }
}

type Extent = { readonly first: number; readonly end: number }

async function lagOf(
  groups: Iterable<GroupState>,
  extents: (topic: string) => Promise<readonly Extent[]>,
): Promise<readonly GroupLag[]> {
  const byTopic = new Map<string, Promise<readonly Extent[]>>()
  const found: GroupLag[] = []
  for (const { topic, group, positions, record } of groups) {
    const places = byTopic.get(topic) ?? extents(topic)
    byTopic.set(topic, places)
    for (const [partition, { first, end }] of (await places).entries()) {
      const position = positions[partition] ?? 0
      found.push({
        ...{ group, topic, partition, lag: Math.max(0, end - Math.max(position, first)) },
        ...{ members: record.members.length, lost: Math.max(0, first - position) },
      })
    }
  }
  return found
}
