import { CallError } from 'dure/contract'
import type { DatabaseAdapter, DatabaseDefinition, DatabaseWorld, SqlRow, SqlStore, SqlTransaction } from 'dure/data'
import { sqlRecords } from 'dure/data/internal'
import { closeFiles, never, type Process } from '../kernel/kernel.ts'

/** What befalls a store, asked at each transaction. */
export type StoreFate = {
  /** Milliseconds that the disk takes over it. */
  readonly slowness: (process: Process, service: string) => number
  readonly full: (process: Process, service: string) => boolean
  /** The commit happens and nobody is told. */
  readonly answerLost: (process: Process, service: string) => boolean
  readonly sometimes: (what: string) => void
}

/**
 * A store's owner: who holds it, until it dies. One that was frozen while another took over is fenced, as a database
 * server does that has ended the session: nothing it sends is done.
 */
export type Owners = Map<string, Process>

/** The real adapter, and between its steps whatever can happen to a process and its disk. */
export function simulatedDatabase(options: {
  readonly process: Process
  readonly owners: Owners
  readonly fate: StoreFate
  readonly adapter: (world: DatabaseWorld) => DatabaseAdapter | Promise<DatabaseAdapter>
}): (world: DatabaseWorld) => Promise<DatabaseAdapter> {
  const { process, owners, fate } = options
  const opened = (file: { readonly close: () => void }): void => void process.files.push(file)
  return async (world) => {
    const inner = await options.adapter({ ...world, opened })
    return {
      name: inner.name,
      open: async (service, definition: DatabaseDefinition<unknown>) => {
        if (process.point('store opens', service)) return never()
        const holder = owners.get(service)
        if (holder !== undefined && holder !== process && holder.state === 'frozen') {
          // Its session has been silent for too long: the server ends it and lets the next one in.
          fate.sometimes('a frozen owner lost its store')
          closeFiles(holder)
        }
        const store = (await inner.open(service, definition)) as SqlStore
        owners.set(service, process)
        return simulatedStore({ store, service, process, owners, fate })
      },
    }
  }
}

function simulatedStore(options: {
  readonly store: SqlStore
  readonly service: string
  readonly process: Process
  readonly owners: Owners
  readonly fate: StoreFate
}): SqlStore {
  const { store, service, process, owners, fate } = options

  const refusal = (action: string): CallError | undefined => {
    if (owners.get(service) === process) return undefined
    fate.sometimes('a revived process was fenced off its store')
    return new CallError('UNAVAILABLE', `${action} failed: another process has taken over the store of service "${service}"`)
  }

  const transaction: SqlStore['transaction'] = async (work, limits) => {
    if (process.point('transaction', service)) return never()
    const refused = refusal('The transaction')
    if (refused !== undefined) throw refused
    let lost = false
    const marked: string[] = []
    const result = await store.transaction(async (inner) => {
      if (process.state === 'dead') return never()
      const value = await work(watched(inner, fate, marked))
      // The last thing before the commit: whatever the work left to be done then was asked for earlier.
      inner.beforeCommit(async () => {
        const slow = fate.slowness(process, service)
        if (slow > 0) await process.pause(slow)
        if (process.point('commit', service)) return never()
        if (fate.full(process, service)) {
          throw new CallError('RESOURCE_EXHAUSTED', `The transaction of service "${service}" failed: the disk is full`)
        }
        lost = fate.answerLost(process, service)
      })
      return value
    }, limits)
    const died = process.point('committed', service)
    for (const one of marked) process.note('took effect', one)
    if (died) return never()
    if (lost) fate.sometimes('a commit was not answered')
    if (lost)
      throw new CallError('UNAVAILABLE', `The transaction of service "${service}" failed: the connection was lost at its commit`)
    return result
  }

  const select: SqlStore['select'] = async (sql, parameters) => {
    if (process.point('select', service)) return never()
    const refused = refusal('Reading')
    if (refused !== undefined) throw refused
    const rows = await store.select(sql, parameters)
    noteRepeated(sql, rows, fate)
    return rows
  }

  return {
    service,
    engine: store.engine,
    records: sqlRecords({ select }),
    ping: store.ping,
    sharing: store.sharing,
    read: store.read,
    snapshot: store.snapshot,
    transaction,
    select,
    stop: async (how) => {
      await store.stop(how)
      if (owners.get(service) === process) owners.delete(service)
    },
  }
}

/**
 * The transaction, with an eye on statements that tell of something rare, and on the events whose effect it is: the inbox
 * marks them, so many of `id, consumer, time` in one statement.
 */
function watched(tx: SqlTransaction, { sometimes }: StoreFate, marked: string[]): SqlTransaction {
  return {
    get kysely() {
      return tx.kysely
    },
    all: tx.all,
    run: async (sql, parameters) => {
      const changed = await tx.run(sql, parameters)
      if (sql.startsWith('INSERT INTO dure_inbox')) {
        if (changed === 0) sometimes('the inbox knew a message')
        else
          for (let at = 0; at < (parameters?.length ?? 0); at += 3)
            marked.push(`${String(parameters![at + 1])} ${String(parameters![at])}`)
      }
      if (sql.startsWith('INSERT INTO dure_parked '))
        sometimes(changed === 1 ? 'a message was parked' : 'a message was parked already')
      else if (sql.startsWith('UPDATE dure_parked SET finished') && parameters?.includes('dead') === true)
        sometimes('a message died')
      return changed
    },
    beforeCommit: tx.beforeCommit,
    onCommit: tx.onCommit,
  }
}

/** A repeated command finds what became of the first. */
function noteRepeated(sql: string, rows: readonly SqlRow[], { sometimes }: StoreFate): void {
  if (rows.length === 0 || !sql.startsWith('SELECT fingerprint, outcome, body FROM dure_idempotency')) return
  sometimes(
    rows[0]!['outcome'] === 'committed'
      ? 'a command whose answer was lost was not done again'
      : 'a repeated command got its first answer',
  )
}
