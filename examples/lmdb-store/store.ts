import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseAdapter, DatabaseWorld, MigrationStep, Store } from 'dure/data'
import {
  applyMigrations,
  type AppliedMigration,
  cautiousTime,
  serialTransactions,
  takeLock,
  type ClientTransaction,
} from 'dure/data/adapter'
import { open } from 'lmdb'
import { clientOf, readerOf, type Client } from './client.ts'
import { recordsIn } from './records.ts'

export type { Client, Reader } from './client.ts'

export type LmdbTransaction = ClientTransaction<Client>

export type LmdbOptions = {
  /** What a committed transaction survives: `power` (default), or `process`, the death of the process only. */
  readonly durability?: 'power' | 'process'
}

/** Keys and values in LMDB, one folder a service: `<directory>/<service>.lmdb`. One process has it, and one transaction runs. */
export function lmdb(options: LmdbOptions = {}): (world: DatabaseWorld) => DatabaseAdapter<Store<LmdbTransaction>> {
  const { durability = 'power' } = options
  return (world) => ({
    name: 'lmdb',
    open: async (service, { migrations }) => {
      const { directory, runtime, log, opened } = world
      mkdirSync(directory, { recursive: true })
      const lock = takeLock(join(directory, `${service}.lmdb.lock`), service)
      const db = open({ path: join(directory, `${service}.lmdb`), noSync: durability === 'process' })
      opened?.({ close: lock.release })
      opened?.({ close: () => void db.close() })
      const { transaction, guard, stop } = serialTransactions<Client>({
        ...{ service, runtime, log },
        begin: (over) => {
          const { commit, ...client } = clientOf(db, over)
          return { client, commit, rollback: () => {} }
        },
      })
      const close = async (timeout: number | undefined): Promise<void> => {
        await stop(timeout === undefined ? {} : { timeout })
        await db.close()
        lock.release()
      }
      let closing: Promise<void> | undefined
      try {
        await applyMigrations({ service, migrations, store: { transaction, ...recorded }, now: runtime.clock.now })
      } catch (error) {
        await close(0)
        throw error
      }
      const read = readerOf(db, guard)
      return {
        ...{
          service,
          engine: 'lmdb',
          sharing: 'exclusive',
          member: runtime.ids.next(),
          records: recordsIn(read, cautiousTime(runtime.clock)),
          transaction,
          read,
        },
        snapshot: async (work) => {
          const state = db.useReadTransaction()
          try {
            return await work(readerOf(db, guard, state))
          } finally {
            state.done()
          }
        },
        ping: async () => void read.get([MIGRATIONS]),
        stop: ({ timeout } = {}) => (closing ??= close(timeout)),
      }
    },
  })
}

const MIGRATIONS = 'dure_migrations'

/** Which migrations were applied, and how one is. */
const recorded = {
  applied: async ({ client }: LmdbTransaction) => [...client.range([MIGRATIONS])].map(({ value }) => value as AppliedMigration),
  record: async ({ client }: LmdbTransaction, applied: { readonly name: string }) =>
    client.put([MIGRATIONS, applied.name], applied),
  apply: async ({ client }: LmdbTransaction, step: MigrationStep) => {
    if (typeof step === 'string') throw new Error('it is SQL; write a function of the client')
    await step(client as never)
  },
}
