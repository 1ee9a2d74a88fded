import { constants, DatabaseSync } from 'node:sqlite'
import { isOwn, witnessesOf } from './witnesses.ts'
import { sqliteStatements, type Statements } from 'dure/data/internal'

/** A copy of what is committed, for one transaction at a time: it sees its own writes and nobody else's. */
export type Snapshot = {
  readonly db: DatabaseSync
  readonly statements: Statements
  readonly witnesses: readonly string[]
  /** Whether triggers fire. */
  fires: boolean
  /** How many commits it has. */
  version: number
  /** Tables have changed since it was made: it serves nobody any more. */
  stale: boolean
}

/** Copies, brought up to date before each use by what was committed meanwhile. */
export type Snapshots = {
  /** One that has everything. */
  readonly take: () => Snapshot
  readonly giveBack: (snapshot: Snapshot) => void
  /** One to read from alone. */
  readonly look: () => { readonly snapshot: Snapshot; readonly close: () => void }
  /** Something was committed. */
  readonly committed: (changes: Uint8Array) => void
  /** Tables are others from now on. */
  readonly renew: () => void
  readonly version: () => number
  readonly close: () => void
}

/** Commits that are kept for copies that are behind. */
const HISTORY = 500

export function createSnapshots(truth: DatabaseSync): Snapshots {
  const all = new Set<Snapshot>()
  let idle: Snapshot[] = []
  let version = 0
  /** The last commits; the first of them is number `version - history.length + 1`. */
  let history: Uint8Array[] = []

  const make = (): Snapshot => {
    const image = truth.serialize()
    // A file's image says that it has a log beside it, which a copy in memory has not.
    image[18] = image[19] = 1
    const db = new DatabaseSync(':memory:', { enableForeignKeyConstraints: true })
    db.deserialize(image)
    db.exec('PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY')
    const statements = sqliteStatements({ db, schema: { value: 0 } })
    const witnesses = witnessesOf(db)
    for (const table of witnesses) db.exec(`DELETE FROM ${table}`)
    const snapshot: Snapshot = { db, statements, witnesses, fires: true, version, stale: false }
    db.function('dure_fires', () => (snapshot.fires ? 1 : 0))
    all.add(snapshot)
    return snapshot
  }

  const drop = (snapshot: Snapshot): void => {
    all.delete(snapshot)
    snapshot.db.close()
  }

  const catchUp = (snapshot: Snapshot): void => {
    if (snapshot.version === version) return
    // What cascades from a row is among the changes itself.
    snapshot.db.exec('PRAGMA foreign_keys = OFF')
    for (const changes of history.slice(history.length - (version - snapshot.version))) applyLeniently(snapshot, changes)
    snapshot.db.exec('PRAGMA foreign_keys = ON')
    snapshot.version = version
  }

  const take = (): Snapshot => {
    const snapshot = idle.pop() ?? make()
    catchUp(snapshot)
    return snapshot
  }

  const giveBack = (snapshot: Snapshot): void => {
    if (snapshot.stale || version - snapshot.version > history.length) drop(snapshot)
    else idle.push(snapshot)
  }

  return {
    version: () => version,
    take,
    giveBack,
    look: () => {
      const snapshot = take()
      snapshot.db.exec('PRAGMA query_only = ON; BEGIN')
      return {
        snapshot,
        close: () => {
          snapshot.db.exec('ROLLBACK; PRAGMA query_only = OFF')
          giveBack(snapshot)
        },
      }
    },
    committed: (changes) => {
      version++
      history.push(changes)
      if (history.length < HISTORY * 2) return
      for (const snapshot of idle) catchUp(snapshot)
      history = history.slice(-HISTORY)
    },
    renew: () => {
      for (const snapshot of all) snapshot.stale = true
      for (const snapshot of idle) drop(snapshot)
      idle = []
    },
    close: () => {
      for (const snapshot of all) snapshot.db.close()
      all.clear()
      idle = []
    },
  }
}

/** Applies changes that were made on another state: what is another by now is overwritten, what is gone stays gone. */
export function applyLeniently(snapshot: Snapshot, changes: Uint8Array): void {
  if (changes.length === 0) return
  snapshot.fires = false
  snapshot.db.applyChangeset(changes, {
    filter: isOwn,
    onConflict: (kind: number) =>
      kind === constants.SQLITE_CHANGESET_DATA || kind === constants.SQLITE_CHANGESET_CONFLICT
        ? constants.SQLITE_CHANGESET_REPLACE
        : constants.SQLITE_CHANGESET_OMIT,
  })
  snapshot.fires = true
}
