/** The oracle: the same events in a PostgreSQL of its own, and each query as SQL over all of them. */
import { startServer } from '@dure/postgres/server'
import pg from 'pg'
import type { NexmarkEvent } from './events.ts'
import type { Row } from './rows.ts'
import { INDEXES, sql, TABLES, type QueryName } from './sql.ts'

export type Oracle = {
  /** `arrived` is the clock when the event came in. */
  readonly add: (event: NexmarkEvent, arrived: number) => Promise<void>
  /** Says that everything is in. */
  readonly loaded: () => Promise<void>
  /** The rows of a query, in parts. */
  readonly rows: (query: QueryName) => AsyncGenerator<readonly Row[], void, undefined>
  readonly close: () => Promise<void>
}

const BATCH = 5_000
const PART = 20_000
/** Durability is for what outlives the run. */
const SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', work_mem: '64MB', max_wal_size: '4GB' }
/** int8 and numeric: no value here is above 2^53. */
const NUMBERS: readonly number[] = [20, 1700]

const columns = {
  person: ['id', 'name', 'emailAddress', 'creditCard', 'city', 'state', 'dateTime', 'extra'],
  auction: [...['id', 'itemName', 'description', 'initialBid', 'reserve', 'dateTime', 'expires', 'seller', 'category', 'extra']],
  bid: ['auction', 'bidder', 'price', 'channel', 'url', 'dateTime', 'extra', 'arrived'],
} as const
type Kind = keyof typeof columns
const KINDS = Object.keys(columns) as Kind[]

export async function openOracle(): Promise<Oracle> {
  const server = await startServer({ settings: SETTINGS })
  const client = new pg.Client({
    connectionString: server.socketUrl(),
    types: {
      getTypeParser: (type, format) => (NUMBERS.includes(type as number) ? Number : pg.types.getTypeParser(type, format)),
    },
  })
  const waiting: Record<Kind, unknown[]> = { person: [], auction: [], bid: [] }
  /** One statement a batch, its rows as one document: of all ways into a table the one with the least to say. */
  const write = async (kind: Kind): Promise<void> => {
    const rows = waiting[kind]
    waiting[kind] = []
    const names = columns[kind].map((name) => `r->>'${name}'`)
    const types = columns[kind].map((name, at) => `(${names[at]})${TEXTS.has(name) ? '' : '::bigint'}`)
    await client.query(`INSERT INTO ${kind} SELECT ${types.join(', ')} FROM jsonb_array_elements($1::jsonb) AS r`, [
      JSON.stringify(rows),
    ])
  }
  try {
    await client.connect()
    await client.query(TABLES)
  } catch (error) {
    await server.close()
    throw error
  }
  return {
    add: async ({ kind, value }, arrived) => {
      waiting[kind].push(kind === 'bid' ? { ...value, arrived } : value)
      if (waiting[kind].length >= BATCH) await write(kind)
    },
    loaded: async () => {
      for (const kind of KINDS) await write(kind)
      await client.query(INDEXES)
    },
    rows: async function* (query) {
      await client.query('BEGIN')
      await client.query(`DECLARE answer NO SCROLL CURSOR FOR ${sql[query]}`)
      for (;;) {
        const { rows } = await client.query<(string | number)[]>({ text: `FETCH ${PART} FROM answer`, rowMode: 'array' })
        if (rows.length === 0) break
        yield rows
      }
      await client.query('COMMIT')
    },
    close: async () => {
      await client.end()
      await server.close()
    },
  }
}

const TEXTS: ReadonlySet<string> = new Set(
  'name,emailAddress,creditCard,city,state,extra,itemName,description,channel,url'.split(','),
)
