/** What the platform knows of its rollouts: a SQLite file, in which each step is written before it is done and after. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { nodeSqlite } from 'dure/runtime/internal'
import type { Release } from '../release.ts'

/** `rolling back`: that was decided, and is not done yet. */
export type RolloutState = 'running' | 'rolling back' | 'done' | 'rolled back' | 'refused'

export type Rollout = {
  readonly id: number
  readonly release: Release
  /** Digest of what had the calls before; undefined when nothing had. */
  readonly before: string | undefined
  readonly copies: number
  readonly state: RolloutState
  /** Who asked for it. */
  readonly by: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

export type Step = {
  readonly rollout: number
  /** `check`, `start`, `ready`, `shift 25`, `end the others`, `roll back`. */
  readonly name: string
  readonly phase: 'begun' | 'done' | 'failed'
  /** Why it failed, or what was seen. */
  readonly note: string
  readonly at: number
}

export type Records = {
  readonly begin: (rollout: Omit<Rollout, 'id' | 'state'>) => Rollout
  readonly become: (id: number, state: RolloutState) => void
  readonly write: (step: Step) => void
  /** The latest first. */
  readonly rollouts: (limit: number) => readonly Rollout[]
  /** In the order they were written. */
  readonly steps: (rollout: number) => readonly Step[]
  readonly close: () => void
}

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA busy_timeout = 5000;
  CREATE TABLE IF NOT EXISTS rollouts (id INTEGER PRIMARY KEY, release TEXT NOT NULL, before TEXT, copies INTEGER NOT NULL, state TEXT NOT NULL, actor TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS steps (id INTEGER PRIMARY KEY, rollout INTEGER NOT NULL REFERENCES rollouts, name TEXT NOT NULL, phase TEXT NOT NULL, note TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS steps_of ON steps (rollout, id);
`

export function openRecords(directory: string): Records {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const store = new (nodeSqlite().DatabaseSync)(join(directory, 'platform.db'))
  store.exec(SCHEMA)
  const begin = store.prepare(
    "INSERT INTO rollouts (release, before, copies, state, actor, at) VALUES (?, ?, ?, 'running', ?, ?)",
  )
  const become = store.prepare('UPDATE rollouts SET state = ? WHERE id = ?')
  const write = store.prepare('INSERT INTO steps (rollout, name, phase, note, at) VALUES (?, ?, ?, ?, ?)')
  const rollouts = store.prepare('SELECT * FROM rollouts ORDER BY id DESC LIMIT ?')
  const steps = store.prepare('SELECT rollout, name, phase, note, at FROM steps WHERE rollout = ? ORDER BY id')
  return {
    begin: (one) => {
      const { release, before, copies, by, at } = one
      const { lastInsertRowid } = begin.run(JSON.stringify(release), before ?? null, copies, by, at)
      return { ...one, id: Number(lastInsertRowid), state: 'running' }
    },
    become: (id, state) => void become.run(state, id),
    write: ({ rollout, name, phase, note, at }) => void write.run(rollout, name, phase, note, at),
    rollouts: (limit) =>
      rollouts.all(limit).map(({ id, release, before, copies, state, actor, at }) => ({
        ...{ id: Number(id), copies: Number(copies), at: Number(at), by: String(actor) },
        release: JSON.parse(String(release)) as Release,
        before: before === null ? undefined : String(before),
        state: state as RolloutState,
      })),
    steps: (rollout) =>
      steps.all(rollout).map(({ rollout, name, phase, note, at }) => ({
        ...{ rollout: Number(rollout), name: String(name), phase: phase as Step['phase'], note: String(note), at: Number(at) },
      })),
    close: () => store.close(),
  }
}
