import type { Connection } from './connection.ts'
import type { Position, Reader } from './reader.ts'
import { COMMIT } from './scripts/membership.ts'

/** A partition in an epoch; without a reader nothing has been read of it. */
export type Place = { readonly partition: number; readonly epoch: number; readonly reader?: Reader }

/** Writes how far partitions have come and, in the same call, gives one back. Rejects when Redis has not said that it did. */
export type Commit = (giving?: Giving) => Promise<void>

/** `passed`: its messages are of a later release, which another member may be of. */
export type Giving = { readonly one: Place; readonly how: 'given' | 'passed' }

/** One call at a time; what comes meanwhile goes in the next. */
export function createCommit<Held extends Place>(options: {
  readonly connection: Connection
  readonly key: string
  readonly groupKey: string
  readonly group: string
  readonly member: string
  readonly held: ReadonlyMap<number, Held>
  /** Told of those that are another's by now. */
  readonly lose: (one: Held) => void
}): Commit {
  const { connection, key, groupKey, group, member, held, lose } = options
  let writing: Promise<void> = Promise.resolve()
  let queued = false

  const write = async (giving: Giving | undefined): Promise<void> => {
    const moved: { readonly one: Place; readonly position: Position | undefined }[] = []
    for (const one of new Set<Place>([...held.values(), ...(giving === undefined ? [] : [giving.one])])) {
      const position = one.reader?.moved()
      if (position !== undefined || one === giving?.one) moved.push({ one, position })
    }
    if (moved.length === 0) return
    const values = moved.flatMap(({ one, position }) => {
      const { id = '', count = '' } = position ?? {}
      return [one.partition, String(one.epoch), id, count, one === giving?.one ? giving.how : '']
    })
    try {
      const refused = await connection.run<string[]>(
        `commit for group "${group}"`,
        COMMIT,
        [key, groupKey],
        [group, member, ...values],
      )
      for (const one of held.values())
        if (moved.some((each) => each.one === one) && refused.includes(String(one.partition))) lose(one)
    } catch (error) {
      for (const { one, position } of moved) if (position !== undefined) one.reader?.again(position)
      throw error
    }
  }

  return (giving) => {
    if (giving === undefined && queued) return writing
    queued ||= giving === undefined
    const turn = writing.then(() => {
      if (giving === undefined) queued = false
      return write(giving)
    })
    // What was not written is written with the next look.
    writing = turn.catch(() => {})
    return turn
  }
}
