import { CallError } from 'dure/contract'
import type { Broker } from 'dure/messaging'
import { BROKER_NUMBERS, checkName, checkOptions } from 'dure/messaging/adapter'
import { isAnyAlive } from './beats.ts'
import { BEGINNING, behind, endOf, placeKey, unread, type Position, type Start } from './consumers.ts'
import type { GroupParts } from './groups.ts'
import { sequenceOf } from './intake.ts'
import type { GroupRecord } from './records.ts'
import type { Topic } from './streams.ts'

type To = Parameters<Broker['seek']>[0]['to']

/** The revision of the record of a group that nobody reads as. @throws {CallError} FAILED_PRECONDITION when somebody does */
async function unused(
  { link, names, runtime, records, lease }: GroupParts,
  action: string,
  topic: Topic,
  group: string,
): Promise<number> {
  const { record, revision } = await records.read(topic.name, group, topic.partitions)
  const ids = record.members.map(({ id }) => id)
  if (ids.length === 0 || !(await isAnyAlive(link, runtime, names.beat(topic.name, group), ids, lease))) return revision
  throw new CallError(
    'FAILED_PRECONDITION',
    `Cannot ${action} group "${group}" on topic "${topic.name}": it has ${ids.length} members reading; stop them first`,
  )
}

/** Writes that nobody has anything of the group, in a later epoch than all. @throws {CallError} ABORTED when somebody joined meanwhile */
async function vacate(
  parts: GroupParts,
  action: string,
  topic: Topic,
  group: string,
  forgotten?: GroupRecord['forgotten'],
): Promise<number> {
  const revision = await unused(parts, action, topic, group)
  const epoch = revision + 1
  const partitions = Array.from({ length: topic.partitions }, () => ({ epoch }))
  const record = { members: [], partitions, ...(forgotten && { forgotten }) }
  if ((await parts.records.write(topic.name, group, record, revision)) !== undefined) return epoch
  throw new CallError(
    'ABORTED',
    `Cannot ${action} group "${group}" on topic "${topic.name}": somebody has joined it; stop its members first`,
  )
}

async function targets(
  { link }: GroupParts,
  topic: Topic,
  group: string,
  to: To,
): Promise<readonly (readonly [number, Start])[]> {
  const all = (start: Start) => Array.from({ length: topic.partitions }, (_, partition) => [partition, start] as const)
  if (to === 'beginning') return all(BEGINNING)
  if (to === 'end') return all(await endOf(link, topic))
  if ('time' in to) {
    checkOptions(`move group "${group}" to a time`, to, BROKER_NUMBERS.time)
    // Within what the server can say; nothing was published before or after.
    const time = new Date(Math.min(Math.max(to.time, 0), 4e12)).toISOString()
    return all({ deliver_policy: 'by_start_time', opt_start_time: time })
  }
  const after = sequenceOf(to.after)
  const { last_seq: last } = (await link.jsm.streams.info(topic.stream)).state
  if (to.partition < topic.partitions && after <= last) return [[to.partition, behind(after)]]
  throw new CallError(
    'OUT_OF_RANGE',
    `Cannot move group "${group}" behind position "${to.after}" of partition ${to.partition} of "${topic.name}": it has ${topic.partitions} partitions, and ends at ${last}`,
  )
}

export async function seek(parts: GroupParts, { group, topic: name, to }: Parameters<Broker['seek']>[0]): Promise<void> {
  checkName('group', group)
  const topic = await parts.streams.need(name)
  const places = await targets(parts, topic, group, to)
  const epoch = await vacate(parts, 'move', topic, group)
  const known = await parts.consumers.of(topic)
  for (const [partition, start] of places)
    await parts.consumers.make(topic, { group, partition, epoch, turn: 0, start }, known.get(placeKey(group, partition)) ?? [])
}

export async function forget(
  parts: GroupParts,
  { group, topic: name, reason, by }: Parameters<Broker['forget']>[0],
): ReturnType<Broker['forget']> {
  const { streams, consumers, log } = parts
  checkName('group', group)
  const found: { readonly topic: Topic; readonly positions: readonly (readonly Position[])[] }[] = []
  for (const { what, topic } of await streams.all()) {
    if (what !== 'topic' || (name ?? topic.name) !== topic.name) continue
    const positions = [...(await consumers.of(topic)).values()].filter(([first]) => first!.group === group)
    if (positions.length > 0) found.push({ topic, positions })
  }
  const where = name === undefined ? '' : ` on topic "${name}"`
  if (found.length === 0) throw new CallError('NOT_FOUND', `Cannot forget group "${group}"${where}: it has no position there`)
  for (const { topic } of found) await unused(parts, 'forget', topic, group)
  const forgotten: { topic: string; unread: number }[] = []
  for (const { topic, positions } of found) {
    const left = positions.reduce((sum, [first]) => sum + unread(first!), 0)
    await vacate(parts, 'forget', topic, group, { reason, by, unread: left })
    await consumers.drop(topic, positions.flat())
    forgotten.push({ topic: topic.name, unread: left })
  }
  log.info('A group was forgotten', { group, forgotten, by, reason })
  return forgotten
}
