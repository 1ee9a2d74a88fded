import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { z } from 'zod'
import { command, contract, event, query, stream, type AnyEvent } from '../contract/contract.ts'
import { testAdapter } from '../data/adapter.conformance.ts'
import { database, type DatabaseAdapter, type Kysely, type SqlStore, type Transaction } from '../data/data.ts'
import { embeddedBroker, type Broker, type DeadLetters } from '../messaging/messaging.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { service, start, system, type DoorHost, type Running, type Service, type World } from '../service/service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { readModel, type History, type ReadModel, type Served } from './query.ts'

const Sale = z.object({ sku: z.string(), count: z.int() })
const FOR_EVER = { ms: Infinity, bytes: Infinity }
const kept = { schema: Sale, key: ({ sku }: { sku: string }) => sku, topic: 'items', partitions: 4, retention: FOR_EVER }
export const Sold = event('item.sold', kept)
export const Returned = event('item.returned', kept)
/** Kept for a week, as topics are. */
export const Counted = event('item.counted', { schema: Sale, key: ({ sku }) => sku })
export const Best = event('item.best', { schema: z.object({ id: z.string() }), key: ({ id }) => id })

const Past = z.object({
  ...{ position: z.string(), id: z.string(), type: z.string(), key: z.string(), time: z.number(), data: z.string() },
  ...{ sequence: z.int(), schemaVersion: z.int(), correlationId: z.string() },
})
export const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    sell: command({ input: Sale, output: z.int() }),
    giveBack: command({ input: Sale, output: z.int() }),
    count: command({ input: Sale, output: z.int() }),
    past: stream({ input: z.object({ after: z.string().optional() }), output: Past }),
    /** What a read model should have, by SQL over all that was ever said. */
    truth: query({ output: z.record(z.string(), z.int()) }),
  },
  events: [Sold, Returned, Counted],
})

type Row = { position: number; id: string; type: string; sku: string; count: number; sequence: number }
type Db = { said: Row }

/** The owner: it keeps all that it says, numbered for each key. `pace` is waited for between events of its history. */
export function shop(pace?: (row: Row) => Promise<void>): Service {
  return service(Shop, {
    database: database<Db>({
      migrations: {
        '001': `CREATE TABLE said (position INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, sku TEXT NOT NULL, count INTEGER NOT NULL,
          sequence INTEGER NOT NULL)`,
      },
    }),
    handlers: {
      sell: (data, { database, ids }) => database.transaction((tx) => say(tx, Sold, data, ids.next())),
      giveBack: (data, { database, ids }) => database.transaction((tx) => say(tx, Returned, data, ids.next())),
      count: (data, { database, ids }) => database.transaction((tx) => say(tx, Counted, data, ids.next())),
      past: async function* ({ after = '0' }, { database }) {
        for (let from = Number(after); ;) {
          const rows = await database.read
            .selectFrom('said')
            .selectAll()
            .where('position', '>', from)
            .orderBy('position')
            .limit(50)
            .execute()
          if (rows.length === 0) return
          for (const row of rows) {
            await pace?.(row)
            const { position, id, type, sku, count, sequence } = row
            const same = { schemaVersion: 1, correlationId: id }
            yield {
              position: String(position),
              id,
              type,
              key: sku,
              time: 1,
              data: JSON.stringify({ sku, count }),
              sequence,
              ...same,
            }
          }
          from = rows.at(-1)!.position
        }
      },
      truth: async (_input, { database }) => {
        const rows = await database.read.selectFrom('said').select(['sku', 'type', 'count']).execute()
        return totals(rows.map(({ sku, type, count }) => [sku, type === Returned.name ? -count : count]))
      },
    },
  })
}

type Said = typeof Sold | typeof Returned | typeof Counted

async function say(db: Transaction<Db>, said: Said, data: { sku: string; count: number }, id: string): Promise<number> {
  const { position } = await db
    .selectFrom('said')
    .select((eb) => eb.fn.max('position').as('position'))
    .executeTakeFirstOrThrow()
  const own = await db
    .selectFrom('said')
    .select((eb) => eb.fn.max('sequence').as('last'))
    .where('sku', '=', data.sku)
    .executeTakeFirstOrThrow()
  const sequence = Number(own.last ?? 0) + 1
  await db
    .insertInto('said')
    .values({ position: Number(position ?? 0) + 1, id, type: said.name, ...data, sequence })
    .execute()
  await db.publish<AnyEvent>(said, data, { sequence })
  return sequence
}

export function totals(counts: readonly (readonly [sku: string, count: number])[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const [sku, count] of counts) sums[sku] = (sums[sku] ?? 0) + count
  return sums
}

type First = { stock: { sku: string; total: number } }
type Second = { sums: { sku: string; total: number; events: number } }
const stockTables = database<First>({
  migrations: { '001': 'CREATE TABLE stock (sku TEXT PRIMARY KEY, total INTEGER NOT NULL)' },
})
const sumTables = database<Second>({
  migrations: { '001': 'CREATE TABLE sums (sku TEXT PRIMARY KEY, total INTEGER NOT NULL, events INTEGER NOT NULL)' },
})

type Either = Served<1, First> | Served<2, Second>

/** What may befall a projection; `silent`: it has no effects. */
export type Trouble = { fails?: (sku: string) => boolean; silent?: boolean }
type Change = { readonly data: { readonly sku: string; readonly count: number }; readonly id: string }

export function stockOne(trouble: Trouble = {}): ReadModel<Served<1, First>> {
  const add =
    (sign: number) =>
    async ({ data: { sku, count } }: Change, { tx }: { readonly tx: Kysely<First> }) => {
      if (trouble.fails?.(sku) === true) throw new Error(`No ${sku}`)
      const total = sign * count
      const known = await tx.selectFrom('stock').select('total').where('sku', '=', sku).executeTakeFirst()
      if (known === undefined) await tx.insertInto('stock').values({ sku, total }).execute()
      else
        await tx
          .updateTable('stock')
          .set({ total: known.total + total })
          .where('sku', '=', sku)
          .execute()
    }
  const effect = async ({ id }: Change, { tx }: { readonly tx: Transaction<unknown> }) => {
    await tx.publish(Best, { id })
  }
  return readModel('stock', {
    version: 1,
    from: [Sold, Returned],
    tables: stockTables,
    on: { 'item.sold': add(1), 'item.returned': add(-1) },
    effects: trouble.silent === true ? {} : { 'item.sold': effect },
  })
}

/** The second version, after the first or alone; from the topic, or from the histories. */
export function stockTwo(
  options: { before?: ReadModel<Served<1, First>>; histories?: readonly History[]; trouble?: Trouble } = {},
): ReadModel<Either> {
  const { before, histories, trouble = {} } = options
  const add =
    (sign: number) =>
    async ({ data: { sku, count } }: Change, { tx }: { readonly tx: Kysely<Second> }) => {
      if (trouble.fails?.(sku) === true) throw new Error(`No ${sku}`)
      const known = await tx.selectFrom('sums').selectAll().where('sku', '=', sku).executeTakeFirst()
      if (known === undefined)
        await tx
          .insertInto('sums')
          .values({ sku, total: sign * count, events: 1 })
          .execute()
      else
        await tx
          .updateTable('sums')
          .set({ total: known.total + sign * count, events: known.events + 1 })
          .where('sku', '=', sku)
          .execute()
    }
  const effect = async ({ id }: Change, { tx }: { readonly tx: Transaction<unknown> }) => {
    await tx.publish(Best, { id })
  }
  return readModel('stock', {
    version: 2,
    from: [Sold, Returned],
    tables: sumTables,
    on: { 'item.sold': add(1), 'item.returned': add(-1) },
    effects: { 'item.sold': effect },
    before,
    histories,
    retry: { attempts: 2, first: 20 },
  })
}

/** All that the shop has ever said. */
export const past: History = { contract: Shop, operation: 'past', events: [Sold, Returned] }

const Shown = z.object({ version: z.int(), totals: z.record(z.string(), z.int()), age: z.number().optional() })
export const Board = contract('board', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    show: query({ output: Shown }),
    /** Once it has this of a key, or not in time. */
    showAt: query({
      input: z.object({ sku: z.string(), sequence: z.int() }),
      output: z.object({ reached: z.boolean(), total: z.int() }),
    }),
    effects: query({ output: z.array(z.string()) }),
  },
  events: [Best],
})

/** The service that shows it. */
export function board(model: ReadModel): Service {
  const shown = model as ReadModel<Either>
  const totalsOf = (served: Either) =>
    served.version === 1
      ? served.read.selectFrom('stock').select(['sku', 'total']).execute()
      : served.read.selectFrom('sums').select(['sku', 'total']).execute()
  return service(Board, {
    database: database<{ seen: { id: string } }>({ migrations: { '001': 'CREATE TABLE seen (id TEXT NOT NULL)' } }),
    extensions: [shown],
    handlers: {
      show: async (_input, context) => {
        const served = shown.serving(context)
        const rows = await totalsOf(served)
        return { version: served.version, totals: totals(rows.map(({ sku, total }) => [sku, total])), age: await served.age() }
      },
      showAt: async ({ sku, sequence }, context) => {
        const served = shown.serving(context)
        const reached = await served.at({ event: Sold, key: sku, sequence })
        return { reached, total: (await totalsOf(served)).find((row) => row.sku === sku)?.total ?? 0 }
      },
      effects: async (_input, { database }) => {
        const rows = await database.read.selectFrom('seen').select('id').execute()
        return rows.map(({ id }) => id)
      },
    },
    subscriptions: ({ on }) => [
      on(Best, async ({ data: { id } }, { tx }) => void (await tx.insertInto('seen').values({ id }).execute())),
    ],
  })
}

/** `ask`: the read models of the board; `dead`: what is dead at it, as people see it. */
export type Started = Running & {
  readonly ask: <T>(method: string, input?: object) => Promise<T>
  readonly dead: () => DeadLetters
}

export type Place = {
  readonly start: (services: readonly Service[], options?: { copy?: number; freshBroker?: boolean }) => Promise<Started>
  readonly quiet: (running: Running) => Promise<void>
}

/** Stores in a folder of the test's own, and a broker that outlives the systems that use it. */
export async function place(t: TestContext): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-model-'))
  const running = new Set<Running>()
  const brokers: Broker[] = []
  const openBroker = async (): Promise<Broker> => {
    const folder = join(directory, `broker-${brokers.length}`)
    const broker = await embeddedBroker({ durability: 'process' })({
      directory: folder,
      runtime: realRuntime(),
      log: silentLogger(),
    })
    brokers.push(broker)
    return broker
  }
  t.after(async () => {
    for (const one of running) await one.stop()
    for (const broker of brokers) await broker.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const adapters: Promise<DatabaseAdapter<SqlStore>>[] = []
  return {
    start: async (services, { copy, freshBroker = false } = {}) => {
      if (freshBroker || brokers.length === 0) await openBroker()
      const broker = brokers.at(-1)!
      let host: DoorHost | undefined
      const opened = system('reading', {
        services: [...services],
        database: (world: World) => (adapters[copy ?? 0] ??= testAdapter(world)),
        broker: async () => ({ ...broker, stop: async () => {} }),
        telemetry: false,
        doors: [
          {
            name: 'asking',
            open: async (opened) => {
              host = opened
              return { url: undefined, close: async () => {} }
            },
          },
        ],
      })
      const one = await start(opened, { directory, log: silentLogger(), ...(copy !== undefined && { copy }) })
      running.add(one)
      return {
        ...one,
        ask: async <T>(method: string, input: object = { name: 'stock' }) =>
          (await host!.ask('board', { kind: 'model', method, input })) as T,
        dead: () => host!.deadLetters('board')!,
        stop: async (options) => {
          running.delete(one)
          await one.stop(options)
        },
      }
    },
    quiet: async (one) => {
      while (!(await one.status()).quiet) await realRuntime().timers.sleep(5)
    },
  }
}

/** The whole of it in one folder, with a broker of its own: as a program has it that may be killed. */
export function readingIn(directory: string, services: readonly Service[]): Promise<Running> {
  const broker = embeddedBroker({ durability: 'process' })
  const reading = system('reading', {
    services: [...services],
    database: (world) => testAdapter(world),
    broker,
    telemetry: false,
  })
  return start(reading, { directory, log: silentLogger() })
}
