import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { postgres } from '@dure/postgres'
import { sqlite } from 'dure/data'
import { makeFolder } from 'dure/runtime'
import type { StoreAdapter, SystemOptions } from 'dure/service'
import type { MarketplaceFlags } from './flags.ts'

/** In the environment of each process of a split marketplace: where the PostgreSQL is that the first one started. */
export const DATABASE = 'MARKETPLACE_DATABASE'

/** Enough for all services, each with a reader of the log if it wants one. */
export const SERVER_SETTINGS = {
  max_connections: 200,
  shared_buffers: '128MB',
  wal_level: 'logical',
  max_replication_slots: 20,
  max_wal_senders: 20,
}

export type OwnServer = { readonly url: string; readonly stop: () => Promise<void> }

/** With `--database postgres` or `--postgres SERVICES` a server of our own, kept in the data directory; otherwise there is none to start. */
export async function ownServer(flags: MarketplaceFlags, directory: string): Promise<OwnServer | undefined> {
  if (flags.database !== 'postgres' && flags.postgres === '') return undefined
  // Only who wants it needs its programs.
  const { startServer } = await import('@dure/postgres/server')
  const folder = join(directory, 'postgres')
  const server = await startServer({
    directory: folder,
    password: keptPassword(folder),
    settings: { ...SERVER_SETTINGS, ...(flags.durability === 'process' ? { fsync: 'off' } : {}) },
  })
  return { url: server.socketUrl(), stop: server.close }
}

/** The stores of the services. @param own the marketplace's own server, where it has one */
export function storesOf(
  flags: Pick<MarketplaceFlags, 'database' | 'durability' | 'postgres' | 'outbox'>,
  own: string | undefined,
): Required<Pick<SystemOptions, 'database' | 'stores'>> {
  const { database, durability, outbox } = flags
  const onFiles = sqlite({ durability })
  if (database === 'sqlite' && flags.postgres === '') return { database: onFiles, stores: {} }
  // All services share what connections a server has: a hundred, usually.
  const onServer: StoreAdapter = postgres({ url: own ?? database, writers: 4, readers: 2, outbox })
  if (database !== 'sqlite') return { database: onServer, stores: {} }
  return { database: onFiles, stores: Object.fromEntries(flags.postgres.split(',').map((service) => [service, onServer])) }
}

/** The administrator's password, made with the cluster and kept beside it. */
function keptPassword(folder: string): string {
  const file = join(folder, 'administrator')
  if (existsSync(file)) return readFileSync(file, 'utf8')
  makeFolder(folder)
  const password = randomBytes(24).toString('base64url')
  writeFileSync(file, password, { mode: 0o600 })
  return password
}
