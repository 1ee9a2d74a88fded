import { CallError } from 'dure/contract'
import type { BrokerServer } from 'dure/messaging/adapter'
import type { Chunk } from './chunks.ts'
import type { RabbitGroups } from './groups.ts'
import type { Link } from './link.ts'
import type { Log } from './log.ts'
import type { GroupState } from './state.ts'
import type { RabbitTopics } from './topics.ts'

type Parts = { readonly link: Link; readonly log: Log; readonly topics: RabbitTopics; readonly groups: RabbitGroups }

/** Moves groups and forgets them: only those that nobody reads as, at the moment when it is written. */
export function createMoves({ link, log, topics, groups }: Parts): Pick<BrokerServer, 'seek' | 'forget'> {
  const seek: BrokerServer['seek'] = async ({ group, topic, to }) => {
    await groups.declareGroup({ group, topics: [topic], from: 'beginning' })
    const state = await groups.unused(topic, group)
    if (state === undefined) return 'members'
    const { partitions } = await topics.declare(topic)
    const positions = await Promise.all(
      Array.from({ length: partitions }, async (_, partition) => {
        const { first, end } = await topics.extent(topic, partition)
        if (to === 'beginning') return first
        if (to === 'end') return end
        if ('time' in to) return offsetAt(link, topics.streamOf(topic, partition), to.time, end)
        if (to.partition !== partition) return state.positions[partition] ?? first
        return Number(to.after) < end ? Number(to.after) + 1 : undefined
      }),
    )
    if (positions.includes(undefined)) return 'beyond'
    const { revision } = state
    const { taken } = await log.write({ do: 'move', topic, group, revision, positions: positions as number[] })
    return taken ? 'moved' : 'members'
  }

  const forget: BrokerServer['forget'] = async ({ group, topic }) => {
    const found = [...(await log.sync()).groups.values()].filter(
      (one) => one.group === group && (topic === undefined || one.topic === topic),
    )
    const states: GroupState[] = []
    for (const one of found) {
      const state = await groups.unused(one.topic, group)
      if (state === undefined) return 'members'
      states.push(state)
    }
    const lag = await groups.lag()
    for (const one of states) {
      const { taken } = await log.write({ do: 'forget', topic: one.topic, group, revision: one.revision })
      if (!taken)
        throw new CallError('ABORTED', `Cannot forget group "${group}" on topic "${one.topic}": somebody has joined it meanwhile`)
    }
    return states.map(({ topic: of }) => ({
      topic: of,
      unread: lag.filter((one) => one.group === group && one.topic === of).reduce((sum, one) => sum + one.lag, 0),
    }))
  }
  return { seek, forget }
}

/** The first offset whose chunk came at that time or later; what comes together has one time. */
export async function offsetAt(link: Link, stream: string, time: number, end: number): Promise<number> {
  if (end === 0) return 0
  const last = await chunkAt(link, stream, 'last', () => true)
  if (last.time < time) return last.end
  return (await chunkAt(link, stream, { time }, (chunk) => chunk.time >= time)).first
}

async function chunkAt(
  link: Link,
  stream: string,
  start: 'last' | { readonly time: number },
  isIt: (chunk: Chunk) => boolean,
): Promise<Chunk> {
  const { promise, resolve, reject } = Promise.withResolvers<Chunk>()
  const reading = await link.read({
    ...{ stream, start, credit: 1, ended: (why) => reject(new Error(why)) },
    came: (chunk, { more }) => (isIt(chunk) ? resolve(chunk) : more(1)),
  })
  const unlisten = link.onReconnect(() => reject(new Error('the connection is lost')))
  try {
    return await promise
  } finally {
    unlisten()
    reading.end()
  }
}
