import { constants, DatabaseSync } from 'node:sqlite'
import type { DatabaseDefinition, SqlRow, SqlStore } from 'dure/data'
import { sqliteConnection, sqliteStatements } from 'dure/data/internal'
import type { Process } from '../kernel/kernel.ts'
import { beginAttempt, Crossed, type Attempt, type Committed } from './attempt.ts'
import { certify } from './certify.ts'
import { waitForRows, waitOut } from './locks.ts'
import { createMailbox, type Mailbox } from './mailbox.ts'
import { migrateTruth } from './migrations.ts'
import { isOwn, testify, witnessed, type Seen } from './witnesses.ts'
import { createSnapshots, type Snapshot } from './snapshots.ts'

/**
 * A database server for the store of one service, outside of all processes: any number of members have transactions in it at
 * once, each on a copy of what was committed when it began, and what commits is decided by `certify`. A row that one has
 * written is locked for the others until it ends, however long that takes.
 */
export type DatabaseServer = {
  readonly begin: (options: { readonly member: string; readonly process: Process }) => Attempt
  /** Runs a statement; resolves when no other transaction holds a row that it has written. @throws {Crossed} */
  readonly run: <T>(attempt: Attempt, work: () => T) => Promise<T>
  /** @throws {Crossed} when it may not, or why the server has ended it */
  readonly commit: (attempt: Attempt) => void
  readonly end: (attempt: Attempt, reason: Error) => void
  /** What is committed. */
  readonly select: (sql: string, parameters: readonly unknown[]) => SqlRow[]
  readonly connection: ReturnType<typeof sqliteConnection>
  readonly look: () => { readonly snapshot: Snapshot; readonly close: () => void }
  readonly waitOut: NonNullable<SqlStore['waitOut']>
  readonly migrate: (definition: DatabaseDefinition<unknown>, now: () => number) => Promise<void>
  /** Members that have a session: from `join` until they leave, or their process is dead. */
  readonly join: (member: string, process: Process) => void
  readonly leave: (member: string) => void
  readonly gone: (member: string) => boolean
  /** A process is dead: its transactions are rolled back, and its sessions end. */
  readonly died: (process: Process) => void
  readonly mailbox: Mailbox
  readonly close: () => void
}

export type ServerWorld = {
  /** Milliseconds since the run began. */
  readonly now: () => number
  /** Does something later, for nobody in particular. */
  readonly later: (ms: number, task: () => void) => void
}

/** Milliseconds for which a transaction may say nothing: then its process is taken for dead. */
const SILENCE = 6_000

export function openServer(options: {
  readonly service: string
  readonly file: string
  readonly world: ServerWorld
  readonly sometimes: (what: string) => void
}): DatabaseServer {
  const { service, world, sometimes } = options
  const truth = new DatabaseSync(options.file, { enableForeignKeyConstraints: false })
  // What a transaction has changed is applied to it: triggers have done their part by then.
  truth.function('dure_fires', () => 0)
  truth.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY')
  const members = createMembers()
  const schema = { value: 0 }
  const reading = openReading(options.file, schema)
  const snapshots = createSnapshots(truth)
  const open = new Set<Attempt>()
  let committed: Committed[] = []
  const mailbox = createMailbox({ now: world.now, removed: (positions) => snapshots.committed(removeRows(truth, positions)) })

  const end = (attempt: Attempt, state: 'committed' | 'ended', reason?: Error): void => {
    attempt.state = state
    attempt.reason = reason
    open.delete(attempt)
    attempt.over.resolve()
    forget()
  }

  /** Copies of those that nobody began beside any more are free. */
  const forget = (): void => {
    const from = Math.min(...[...open].map((attempt) => attempt.from))
    for (const { version, attempt } of committed) if (version <= from) snapshots.giveBack(attempt.snapshot)
    committed = committed.filter(({ version }) => version > from)
  }

  const rollBack = (attempt: Attempt, reason: Error): void => {
    if (attempt.state !== 'open') return
    attempt.session.close()
    attempt.snapshot.db.exec('ROLLBACK')
    snapshots.giveBack(attempt.snapshot)
    end(attempt, 'ended', reason)
  }

  /** Whoever says nothing while a transaction is open would hold its rows for ever. */
  const watch = (attempt: Attempt): void =>
    world.later(SILENCE, () => {
      if (attempt.state !== 'open') return
      if (world.now() - attempt.heard < SILENCE) return watch(attempt)
      sometimes('the server ended a transaction that said nothing')
      rollBack(
        attempt,
        new Error(`The server has ended a transaction of service "${service}", which said nothing for ${SILENCE} ms`),
      )
    })

  const guard = (attempt: Attempt): void => {
    if (attempt.state !== 'open') throw attempt.reason ?? new Error('The transaction is over')
    attempt.heard = world.now()
  }

  const commit = (attempt: Attempt): void => {
    guard(attempt)
    const changes = attempt.session.changeset()
    const seen = witnessed(attempt.snapshot)
    const meanwhile = committed.filter(({ version }) => version > attempt.from)
    attempt.session.close()
    attempt.snapshot.db.exec('ROLLBACK')
    try {
      const { out } = certify(attempt, changes, meanwhile)
      for (const { check } of attempt.joined) check()
      apply(truth, { altered: attempt.schema, changes, beside: meanwhile.length > 0, seen })
      if (attempt.schema.length > 0) {
        schema.value++
        snapshots.renew()
      }
      snapshots.committed(changes)
      if (out !== undefined) sometimes('a transaction committed after one that comes behind it')
      mailbox.add(attempt.announced)
      for (const one of attempt.joined) one.apply()
      committed.push({ version: snapshots.version(), attempt, changes, out })
    } catch (error) {
      snapshots.giveBack(attempt.snapshot)
      end(attempt, 'ended', error as Error)
      throw error
    }
    end(attempt, 'committed')
  }

  return {
    begin: ({ member, process }) => {
      const attempt = beginAttempt({ member, process, snapshot: snapshots.take(), now: world.now() })
      open.add(attempt)
      watch(attempt)
      return attempt
    },
    run: async (attempt, work) => {
      guard(attempt)
      const { rows } = attempt
      const answer = work()
      if (attempt.rows !== rows) {
        await waitForRows(attempt, { open, committed: () => committed, sometimes })
        guard(attempt)
      }
      return answer
    },
    commit,
    end: rollBack,
    select: reading.statements.all,
    connection: reading,
    look: snapshots.look,
    waitOut: (how) => waitOut([...open], how, { sometimes, later: world.later, end: rollBack }),
    migrate: async (definition, now) => {
      const applied = await migrateTruth({ service, truth, schema, definition, now })
      if (applied) snapshots.renew()
    },
    ...members,
    died: (process) => {
      members.died(process)
      for (const attempt of open)
        if (attempt.process === process) rollBack(attempt, new Error('The process that began it is dead'))
      mailbox.gone(process)
    },
    mailbox,
    close: () => {
      snapshots.close()
      reading.close()
      truth.close()
    },
  }
}

/** Who has a session. */
function createMembers() {
  const members = new Map<string, Process>()
  return {
    join: (member: string, process: Process): void => void members.set(member, process),
    leave: (member: string): void => void members.delete(member),
    gone: (member: string): boolean => !members.has(member),
    died: (process: Process): void => {
      for (const [member, of] of members) if (of === process) members.delete(member)
    },
  }
}

/** Changes what everybody sees. @param beside others have committed since the transaction began */
function apply(
  truth: DatabaseSync,
  {
    altered,
    changes,
    beside,
    seen,
  }: { readonly altered: readonly string[]; readonly changes: Uint8Array; readonly beside: boolean; readonly seen: Seen },
): void {
  truth.exec('BEGIN')
  try {
    for (const sql of altered) truth.exec(sql)
    if (
      changes.length > 0 &&
      !truth.applyChangeset(changes, { filter: isOwn, onConflict: () => constants.SQLITE_CHANGESET_ABORT })
    )
      throw new Crossed('another has committed what its writes do not go together with')
    testify(truth, seen)
    if (beside && truth.prepare('SELECT 1 FROM pragma_foreign_key_check LIMIT 1').get() !== undefined)
      throw new Crossed('another has removed what its rows point to')
    truth.exec('COMMIT')
  } catch (error) {
    truth.exec('ROLLBACK')
    throw error
  }
}

/** A connection that sees what is committed. */
function openReading(
  file: string,
  schema: { value: number },
): ReturnType<typeof sqliteConnection> & { readonly close: () => void } {
  const db = new DatabaseSync(file, { readOnly: true })
  const statements = sqliteStatements({ db, schema })
  const connection = sqliteConnection({ statements, guard: () => {}, explain: (error) => error, whole: true })
  return { ...connection, close: () => db.close() }
}

/** Takes delivered messages out of the table; answers what has changed. */
function removeRows(truth: DatabaseSync, positions: readonly number[]): Uint8Array {
  const session = truth.createSession()
  try {
    truth.exec(`DELETE FROM dure_outbox WHERE position IN (${positions.join()})`)
    return session.changeset()
  } finally {
    session.close()
  }
}
