import type { GroupRecord } from 'dure/messaging/adapter'

/** What all processes know of topics, queues and groups: the same for everybody, as everybody reads the same log. */
export type State = {
  /** Which log this is. */
  identity: string
  readonly topics: Map<string, TopicState>
  readonly queues: Set<string>
  readonly groups: Map<string, GroupState>
}

export type TopicState = { readonly partitions: number; readonly retention: { readonly ms: number; readonly bytes: number } }

export type GroupState = {
  readonly topic: string
  readonly group: string
  /** Offset in the log of the last change of its record. */
  readonly revision: number
  readonly record: GroupRecord
  /** The offset that it reads next in each partition. */
  readonly positions: readonly number[]
}

/** An entry of the log. What a later release writes and this one does not know changes nothing here. */
export type Change =
  | { readonly do: 'topic'; readonly topic: string; readonly state: TopicState }
  | { readonly do: 'queue'; readonly queue: string }
  /** Makes a group known, where it is not. */
  | { readonly do: 'group'; readonly topic: string; readonly group: string; readonly positions: readonly number[] }
  /** Changes who has what, if nobody has since that revision. */
  | {
      readonly do: 'share'
      readonly topic: string
      readonly group: string
      readonly record: GroupRecord
      readonly revision: number
    }
  /** How far partitions have come: each only for whoever has it in that epoch. */
  | {
      readonly do: 'commit'
      readonly topic: string
      readonly group: string
      readonly moves: readonly (readonly [number, number, number])[]
    }
  /** Moves a group that has no members any more. */
  | {
      readonly do: 'move'
      readonly topic: string
      readonly group: string
      readonly revision: number
      readonly positions: readonly number[]
    }
  | { readonly do: 'forget'; readonly topic: string; readonly group: string; readonly revision: number }
  /** A sign of life. */
  | { readonly do: 'nothing' }

export const groupKey = (topic: string, group: string): string => JSON.stringify([topic, group])

export const emptyState = (): State => ({ identity: '', topics: new Map(), queues: new Set(), groups: new Map() })

/** Does what an entry says, the same in every process. False: it came too late, and nothing is changed. */
export function apply(state: State, offset: number, change: Change): boolean {
  if (change.do === 'topic') state.topics.set(change.topic, change.state)
  else if (change.do === 'queue') state.queues.add(change.queue)
  else if (change.do !== 'nothing') return applyToGroup(state.groups, offset, change)
  return true
}

type OfGroup = Exclude<Change, { readonly do: 'topic' | 'queue' | 'nothing' }>

function applyToGroup(groups: State['groups'], offset: number, change: OfGroup): boolean {
  const { topic, group } = change
  const key = groupKey(topic, group)
  const known = groups.get(key)
  if (change.do === 'group') {
    const { positions } = change
    if (known === undefined)
      groups.set(key, { topic, group, revision: offset, record: vacant(positions.length, offset), positions })
    return known === undefined
  }
  if (known === undefined) return false
  if (change.do === 'commit') {
    const positions = [...known.positions]
    const moved = change.moves.filter(([partition, epoch]) => known.record.partitions[partition]?.epoch === epoch)
    for (const [partition, , next] of moved) positions[partition] = next
    groups.set(key, { ...known, positions })
    return moved.length === change.moves.length
  }
  if (!('revision' in change) || change.revision !== known.revision) return false
  if (change.do === 'share') groups.set(key, { ...known, revision: offset, record: change.record })
  else if (change.do === 'move')
    groups.set(key, { ...known, revision: offset, record: vacant(change.positions.length, offset), positions: change.positions })
  else if (change.do === 'forget') groups.delete(key)
  else return false
  return true
}

const vacant = (partitions: number, epoch: number): GroupRecord => ({
  members: [],
  partitions: Array.from({ length: partitions }, () => ({ epoch })),
})

/** JSON has no word for what is kept without an end, and says null, which nothing else in the log is. */
export const parse = (text: string): unknown => JSON.parse(text, (_, value: unknown) => value ?? Infinity)

export const written = (state: State): string =>
  JSON.stringify({ ...state, topics: [...state.topics], queues: [...state.queues], groups: [...state.groups] })

export function readBack(text: string): State {
  const { identity, topics, queues, groups } = parse(text) as {
    identity: string
    topics: [string, TopicState][]
    queues: string[]
    groups: [string, GroupState][]
  }
  return { identity, topics: new Map(topics), queues: new Set(queues), groups: new Map(groups) }
}
