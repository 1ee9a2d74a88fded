import type { Runtime, Timer } from '../../runtime/runtime.ts'
import type { Commits } from './commits.ts'
import type { Cursor } from './cursor.ts'
import type { BrokerFile } from './file.ts'
import type { Topic } from './topics.ts'

/** How far a group has come in a partition, and what it never got. */
export type StoredPosition = { readonly position: number; readonly lost: number }

type OfGroup = { readonly name: string; readonly topic: Topic }

/** Where groups stand, in the broker's file. */
export type Positions = {
  /** What earlier runs left, by group and topic: the position in each partition. */
  readonly stored: () => Iterable<{
    readonly group: string
    readonly topicId: number
    readonly places: ReadonlyMap<number, StoredPosition>
  }>
  /** The cursor is to be written with the next `save`. */
  readonly add: (cursor: Cursor, group: OfGroup) => void
  /** The same, soon. */
  readonly moved: (cursor: Cursor, group: OfGroup) => void
  readonly save: () => Promise<void>
  /** They are not to be written any more. */
  readonly drop: (cursors: readonly Cursor[]) => void
  /** Takes groups out, and keeps who did that and why. */
  readonly forget: (groups: readonly Forgetting[]) => Promise<void>
}

type Forgetting = {
  readonly group: string
  readonly topic: Topic
  readonly unread: number
  readonly by: string
  readonly reason: string
}

/** They are written this often at most: after a crash the last moments' messages come again. */
const SAVE_EVERY = 100

export function createPositions(options: { file: BrokerFile; commits: Commits; runtime: Runtime }): Positions {
  const { file, commits, runtime } = options
  const unsaved = new Map<Cursor, OfGroup>()
  let alarm: Timer | undefined
  let queued: Promise<void> | undefined
  const upsert = file.db.prepare(
    `INSERT INTO positions (group_name, topic, number, position, lost) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET position = excluded.position, lost = excluded.lost`,
  )
  const remove = file.db.prepare('DELETE FROM positions WHERE group_name = ? AND topic = ?')
  const keep = file.db.prepare('INSERT INTO forgotten (group_name, topic, unread, actor, reason, at) VALUES (?, ?, ?, ?, ?, ?)')

  const save = (): Promise<void> => {
    alarm?.cancel()
    alarm = undefined
    if (unsaved.size === 0) return Promise.resolve()
    // Whoever asks before it is written shares it: it writes all positions, and many groups may stop at once.
    if (queued !== undefined) return queued
    let saved: (readonly [Cursor, number])[] = []
    let written = false
    const saving = commits.add({
      relaxed: true,
      write: () => {
        written = true
        queued = undefined
        saved = []
        for (const [cursor, group] of unsaved) {
          const position = cursor.position()
          upsert.run(group.name, group.topic.id, cursor.partition.number, position, cursor.lost())
          saved.push([cursor, position])
        }
      },
      committed: () => {
        for (const [cursor, position] of saved) if (cursor.position() === position) unsaved.delete(cursor)
      },
    })
    if (!written) queued = saving
    return saving
  }

  return {
    stored: () => {
      const found = new Map<string, { group: string; topicId: number; places: Map<number, StoredPosition> }>()
      for (const row of file.db.prepare('SELECT * FROM positions').all()) {
        const [group, topicId] = [String(row['group_name']), Number(row['topic'])]
        const one = found.get(`${topicId} ${group}`) ?? { group, topicId, places: new Map() }
        found.set(`${topicId} ${group}`, one)
        one.places.set(Number(row['number']), { position: Number(row['position']), lost: Number(row['lost']) })
      }
      return found.values()
    },
    add: (cursor, group) => void unsaved.set(cursor, group),
    moved: (cursor, group) => {
      unsaved.set(cursor, group)
      alarm ??= runtime.timers.after(SAVE_EVERY, () => {
        alarm = undefined
        // A failed save is only a chance of reading some messages twice; the next move tries again.
        save().catch(() => {})
      })
    },
    save,
    drop: (cursors) => cursors.forEach((cursor) => unsaved.delete(cursor)),
    forget: (groups) =>
      commits.add({
        write: () => {
          for (const { group, topic, unread, by, reason } of groups) {
            remove.run(group, topic.id)
            keep.run(group, topic.name, unread, by, reason, runtime.clock.now())
          }
        },
      }),
  }
}
