import { sharePartitions, type Member } from '../partition-loop.ts'
import type { GroupRecord, Ownership } from './group-record.ts'

/** What a process knows of a group beside its record. */
export type Knowledge = {
  /** Its own members that are to be in the record. */
  readonly own: readonly { readonly id: string; readonly leaving: boolean }[]
  /** Whether this one is its own, or was. */
  readonly isOwn: (id: string) => boolean
  /** Whether another's member has not been heard of for too long. */
  readonly isDead: (id: string) => boolean
  /** Whether its own member has given this partition back, or did not know what comes next of it. */
  readonly released: (id: string, partition: number) => boolean
  readonly refused: (id: string, partition: number) => boolean
}

/**
 * What the record should be; the same text when nothing is to be changed. Who has a partition keeps it until it has given it
 * back or is dead; what nobody has goes to whom `wantedOwners` says, in an epoch later than all before.
 *
 * @example
 * ```ts
 * import { nextGroupRecord } from 'dure/messaging/adapter'
 *
 * const nobody = { isOwn: () => false, isDead: () => false, released: () => false, refused: () => false }
 * const first = { members: [], partitions: [{ epoch: 0 }] }
 * const next = nextGroupRecord(first, 7, { ...nobody, own: [{ id: 'a', leaving: false }], isOwn: (id) => id === 'a' })
 * console.log(next.partitions) // → [ { owner: 'a', epoch: 8 } ]
 * ```
 */
export function nextGroupRecord(
  record: GroupRecord,
  revision: number,
  { own, isOwn, isDead, released, refused }: Knowledge,
): GroupRecord {
  const known = new Set(record.members.map(({ id }) => id))
  const mine = own.map(({ id, leaving }) => (leaving ? { id, leaving } : { id }))
  const members = [
    ...record.members.flatMap((one) => (isOwn(one.id) ? mine.filter(({ id }) => id === one.id) : isDead(one.id) ? [] : [one])),
    ...mine.filter(({ id }) => !known.has(id)),
  ]
  const noted = record.partitions.map(({ owner, epoch, refused: before }, partition): Ownership => {
    const isFree = owner !== undefined && (isOwn(owner) ? released(owner, partition) : !members.some(({ id }) => id === owner))
    const asked = owner !== undefined && refused(owner, partition) ? [...(before ?? []), owner] : before
    return { owner: isFree ? undefined : owner, epoch, refused: asked }
  })
  const wanted = wantedOwners({ members, partitions: noted })
  const partitions = noted.map((one, partition): Ownership => {
    const owner = one.owner ?? wanted[partition]
    const before = record.partitions[partition]!.owner
    const isNew = owner !== undefined && (owner !== before || one.owner === undefined)
    // When all have been asked, they are asked again.
    const asked = one.refused !== undefined && one.refused.length < members.length ? { refused: one.refused } : {}
    return { owner, epoch: isNew ? revision + 1 : one.epoch, ...asked }
  })
  return { members, partitions }
}

/**
 * Who is to have each partition, by a record alone: the same for everybody.
 *
 * @example
 * ```ts
 * import { wantedOwners } from 'dure/messaging/adapter'
 *
 * const members = [{ id: 'a' }, { id: 'b' }]
 * console.log(wantedOwners({ members, partitions: [{ owner: 'a', epoch: 1 }, { owner: 'a', epoch: 1 }] })) // → [ 'a', 'b' ]
 * ```
 */
export function wantedOwners({ members, partitions }: GroupRecord): readonly (string | undefined)[] {
  const all = members.map(({ id, leaving = false }) => ({
    id,
    leaving,
    held: 0,
    released: undefined,
    options: undefined as never,
  }))
  const wanted = partitions.map(({ owner, refused }) =>
    owner === undefined || refused?.includes(owner) ? undefined : all.find(({ id }) => id === owner),
  )
  const shareOf = (member: (typeof all)[number]): number => wanted.filter((one) => one === member).length
  const loops = partitions.map(({ refused = [] }, at) => ({
    wanted: () => wanted[at],
    assign: (given: Member | undefined) => {
      const isAsked = refused.includes((given as (typeof all)[number] | undefined)?.id ?? '')
      const others = all.filter(({ id, leaving }) => isAsked && !leaving && !refused.includes(id))
      wanted[at] = others.toSorted((a, z) => shareOf(a) - shareOf(z))[0] ?? (given as (typeof all)[number] | undefined)
    },
    wake: () => {},
  }))
  sharePartitions(loops, all)
  return wanted.map((member) => member?.id)
}
