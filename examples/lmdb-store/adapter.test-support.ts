import type { DatabaseAdapter, DatabaseWorld, Store } from 'dure/data'
import { lmdb, type Client, type LmdbTransaction, type Reader } from './store.ts'

/** What the suites open, and the processes that they kill. Their tables are SQL: here a row needs none. */
export function openAdapter(world: DatabaseWorld): DatabaseAdapter<Store<LmdbTransaction>> {
  const { name, open } = lmdb({ durability: 'process' })(world)
  return { name, open: (service) => open(service, { migrations: {} }) }
}

type Row = Readonly<Record<string, string | number>>

const insert = async (tx: { readonly client?: unknown }, table: string, row: Row): Promise<void> => {
  const client = tx.client as Client
  const [last] = client.range([table, '#'], { reverse: true })
  const place = last === undefined ? 1 : Number(last.key[2]) + 1
  const id = row['id']
  if (id !== undefined && client.get([table, 'id', id]) !== undefined) throw new Error(`UNIQUE: there is one with the id "${id}"`)
  if (id !== undefined) client.put([table, 'id', id], place)
  client.put([table, '#', place], { ...row, place })
}

/** How they keep rows of their own, and count Dure's. */
export const rows = {
  insert,
  insertAsHandler: (tx: unknown, table: string, row: Row) => insert(tx as { client: unknown }, table, row),
  read: async (store: Store, table: string, order: string): Promise<readonly Readonly<Record<string, unknown>>[]> => {
    const all = [...(store.read as Reader).range([table, '#'])].map(({ value }) => value as Record<string, string>)
    return all.toSorted((a, b) => (a[order]! < b[order]! ? -1 : 1))
  },
  count: async (store: Store, table: string): Promise<number> => [...(store.read as Reader).range([table])].length,
}
