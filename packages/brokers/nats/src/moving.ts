import type { BrokerServer } from 'dure/messaging/adapter'
import { isAnyAlive } from './beats.ts'
import { BEGINNING, behind, endOf, placeKey, unread, type Position, type Start } from './consumers.ts'
import type { GroupParts } from './groups.ts'
import type { GroupRecord } from './records.ts'
import type { Topic } from './streams.ts'

type To = Parameters<BrokerServer['seek']>[0]['to']

/** The revision of the record of a group that nobody reads as. */
async function unused(
  { link, names, runtime, records, lease }: GroupParts,
  topic: Topic,
  group: string,
): Promise<number | 'members'> {
  const { record, revision } = await records.read(topic.name, group, topic.partitions)
  const ids = record.members.map(({ id }) => id)
  const isRead = ids.length > 0 && (await isAnyAlive(link, runtime, names.beat(topic.name, group), ids, lease))
  return isRead ? 'members' : revision
}

/** Writes that nobody has anything of the group, in a later epoch than all, unless somebody has joined. */
async function vacate(
  parts: GroupParts,
  topic: Topic,
  group: string,
  forgotten?: GroupRecord['forgotten'],
): Promise<number | 'members'> {
  const revision = await unused(parts, topic, group)
  if (revision === 'members') return revision
  const epoch = revision + 1
  const partitions = Array.from({ length: topic.partitions }, () => ({ epoch }))
  const record = { members: [], partitions, ...(forgotten && { forgotten }) }
  const written = await parts.records.write(topic.name, group, record, revision)
  return written === undefined ? 'members' : epoch
}

async function targets({ link }: GroupParts, topic: Topic, to: To): Promise<readonly (readonly [number, Start])[] | 'beyond'> {
  const all = (start: Start) => Array.from({ length: topic.partitions }, (_, partition) => [partition, start] as const)
  if (to === 'beginning') return all(BEGINNING)
  if (to === 'end') return all(await endOf(link, topic))
  if ('time' in to) {
    // Within what the server can say; nothing was published after.
    const time = new Date(Math.min(to.time, 4e12)).toISOString()
    return all({ deliver_policy: 'by_start_time', opt_start_time: time })
  }
  const { last_seq: last } = (await link.jsm.streams.info(topic.stream)).state
  const after = Number(to.after)
  return after <= last ? [[to.partition, behind(after)]] : 'beyond'
}

export async function seek(
  parts: GroupParts,
  { group, topic: name, to }: Parameters<BrokerServer['seek']>[0],
): ReturnType<BrokerServer['seek']> {
  const topic = await parts.streams.declare(name)
  const places = await targets(parts, topic, to)
  if (places === 'beyond') return places
  const epoch = await vacate(parts, topic, group)
  if (epoch === 'members') return epoch
  const known = await parts.consumers.of(topic)
  for (const [partition, start] of places)
    await parts.consumers.make(topic, { group, partition, epoch, turn: 0, start }, known.get(placeKey(group, partition)) ?? [])
  return 'moved'
}

export async function forget(
  parts: GroupParts,
  { group, topic: name, reason, by }: Parameters<BrokerServer['forget']>[0],
): ReturnType<BrokerServer['forget']> {
  const { streams, consumers } = parts
  const found: { readonly topic: Topic; readonly positions: readonly (readonly Position[])[] }[] = []
  for (const { what, topic } of await streams.all()) {
    if (what !== 'topic' || (name ?? topic.name) !== topic.name) continue
    const positions = [...(await consumers.of(topic)).values()].filter(([first]) => first!.group === group)
    if (positions.length > 0) found.push({ topic, positions })
  }
  for (const { topic } of found) if ((await unused(parts, topic, group)) === 'members') return 'members'
  const forgotten: { topic: string; unread: number }[] = []
  for (const { topic, positions } of found) {
    const left = positions.reduce((sum, [first]) => sum + unread(first!), 0)
    if ((await vacate(parts, topic, group, { reason, by, unread: left })) === 'members') return 'members'
    await consumers.drop(topic, positions.flat())
    forgotten.push({ topic: topic.name, unread: left })
  }
  return forgotten
}
