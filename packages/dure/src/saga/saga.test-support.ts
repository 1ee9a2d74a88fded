/** What tests of sagas share: a service `shop` with rows of its own, whose sagas call `bank`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { z } from 'zod'
import { command, contract, error, event, query, request } from '../contract/contract.ts'
import { testAdapter } from '../data/adapter.conformance.ts'
import { database, type DatabaseWorld } from '../data/data.ts'
import { service, start, system, type Running, type Service } from '../service/service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import type { AnySaga } from './saga.ts'

/** Waits for a condition; the test's own timeout is the bound. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => void setTimeout(resolve, 2))
}

export const Refused = error('CARD_REFUSED', { data: z.object({ card: z.string() }) })
export const Paid = event('bank.paid', { schema: z.object({ order: z.string(), amount: z.int() }), key: (e) => e.order })

export const Ship = request('ship', {
  key: ({ order }) => order,
  input: z.object({ order: z.string(), parcels: z.int() }),
  output: z.object({ parcels: z.int() }),
  errors: { Refused },
})
export const Unship = request('unship', { key: ({ order }) => order, input: z.object({ order: z.string() }) })

export const Bank = contract('bank', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    pay: command({ input: z.object({ order: z.string(), amount: z.int() }), output: z.string(), errors: { Refused } }),
    refund: command({ input: z.object({ order: z.string() }), output: z.void(), idempotent: true }),
    tell: command({ input: z.object({ order: z.string(), amount: z.int() }), output: z.void(), idempotent: true }),
    book: query({ output: z.array(z.string()) }),
  },
  events: [Paid],
  requests: [Ship, Unship],
})

/** Keeps a line for all that it does; refuses what is not above 0. `how` fails a command, with whatever is thrown, before it does anything. */
export function bankOf(how: { fail?: (operation: string) => void | Promise<void> } = {}): Service<typeof Bank> {
  return service(Bank, {
    database: database<{ book: { line: string } }>({ migrations: { '001': 'CREATE TABLE book (line TEXT NOT NULL)' } }),
    handlers: {
      pay: async ({ order, amount }, { database }) => {
        await how.fail?.('pay')
        if (amount <= 0) throw Refused({ card: order })
        return await database.transaction(async (tx) => {
          await tx
            .insertInto('book')
            .values({ line: `pay ${order} ${amount}` })
            .execute()
          const receipt = `receipt of ${order}`
          await tx.answer(receipt)
          return receipt
        })
      },
      refund: async ({ order }, { database }) => {
        await how.fail?.('refund')
        await database.transaction((tx) =>
          tx
            .insertInto('book')
            .values({ line: `refund ${order}` })
            .execute(),
        )
      },
      tell: async (paid, { database }) => {
        await database.transaction((tx) => tx.publish(Paid, paid))
      },
      book: async (_, { database }) => (await database.read.selectFrom('book').select('line').execute()).map(({ line }) => line),
    },
    subscriptions: ({ work }) => [
      work(Ship, async ({ data: { order, parcels } }, { tx }) => {
        if (parcels === 0) throw Refused({ card: order })
        await tx
          .insertInto('book')
          .values({ line: `ship ${order}` })
          .execute()
        return { parcels }
      }),
      work(Unship, async ({ data: { order } }, { tx }) => {
        await tx
          .insertInto('book')
          .values({ line: `unship ${order}` })
          .execute()
        return undefined
      }),
    ],
  })
}

export type ShopTables = {
  lines: { at: number; line: string }
  dure_sagas: Record<string, unknown>
  dure_saga_steps: Record<string, unknown>
}
export const shopDatabase = database<ShopTables>({
  migrations: { '001': 'CREATE TABLE lines (at BIGINT NOT NULL, line TEXT NOT NULL)' },
})

export const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    begin: command({
      input: z.object({ saga: z.string(), id: z.string(), input: z.unknown() }),
      output: z.boolean(),
      idempotent: true,
    }),
    signal: command({
      input: z.object({ saga: z.string(), id: z.string(), name: z.string(), data: z.unknown() }),
      output: z.void(),
      idempotent: true,
    }),
    lines: query({ output: z.array(z.string()) }),
    instances: query({ output: z.array(z.record(z.string(), z.unknown())) }),
    steps: query({ input: z.object({ id: z.string() }), output: z.array(z.record(z.string(), z.unknown())) }),
  },
})

export function shopOf(sagas: readonly AnySaga[]): Service<typeof Shop> {
  const named = (name: string): AnySaga => sagas.find((one) => one.name === name)!
  return service(Shop, {
    database: shopDatabase,
    extensions: sagas,
    handlers: {
      begin: ({ saga, id, input }, { database }) => database.transaction((tx) => tx.begin(named(saga), input, { id })),
      signal: ({ saga, id, name, data }, { database }) => database.transaction((tx) => tx.signal(named(saga), id, name, data)),
      lines: async (_, { database }) => {
        const rows = await database.read.selectFrom('lines').select('line').orderBy('at').orderBy('line').execute()
        return rows.map(({ line }) => line)
      },
      instances: async (_, { database }) => await database.read.selectFrom('dure_sagas').selectAll().orderBy('id').execute(),
      steps: async ({ id }, { database }) =>
        await database.read.selectFrom('dure_saga_steps').selectAll().where('id', '=', id).orderBy('position').execute(),
    },
  })
}

/** The number of the next line; those of a later process are higher. */
let at = Date.now() * 1_000
type LinesTransaction = {
  insertInto: (table: 'lines') => { values: (row: { at: number; line: string }) => { execute: () => Promise<unknown> } }
}
export const line = async (tx: object, text: string): Promise<void> =>
  void (await (tx as LinesTransaction).insertInto('lines').values({ at: at++, line: text }).execute())

export type Rig = {
  readonly directory: string
  readonly run: (sagas: readonly AnySaga[], how?: { fail?: (operation: string) => void | Promise<void> }) => Promise<Run>
}
export type Run = {
  readonly running: Running
  readonly begin: (saga: AnySaga, id: string, input?: unknown) => Promise<boolean>
  readonly signal: (saga: AnySaga, id: string, name: string, data?: unknown) => Promise<void>
  readonly lines: () => Promise<readonly string[]>
  readonly book: () => Promise<readonly string[]>
  readonly instance: (id: string) => Promise<Record<string, unknown>>
  readonly steps: (id: string) => Promise<readonly Record<string, unknown>[]>
  readonly state: (id: string) => Promise<unknown>
  readonly ask: <T>(method: string, input?: unknown) => Promise<T>
}

export function rigOf(t: TestContext): Rig {
  const directory = mkdtempSync(join(tmpdir(), 'dure-saga-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return {
    directory,
    run: async (sagas, how) => {
      const world = { directory, log: silentLogger() }
      const store = (of: DatabaseWorld) => testAdapter(of)
      const running = await start(system('shopping', { services: [shopOf(sagas), bankOf(how)], database: store }), world)
      t.after(() => running.stop())
      const shop = running.client(Shop)
      const bank = running.client(Bank)
      const instance: Run['instance'] = async (id) => (await shop.instances()).find((one) => one['id'] === id) ?? {}
      return {
        running,
        instance,
        begin: (saga, id, input = null) => shop.begin({ saga: saga.name, id, input }),
        signal: (saga, id, name, data) => shop.signal({ saga: saga.name, id, name, data }),
        lines: () => shop.lines(),
        book: () => bank.book(),
        steps: (id) => shop.steps({ id }),
        state: async (id) => (await instance(id))['state'],
        ask: <T>(method: string, input: unknown = {}) => running.ask('shop', { kind: 'saga', method, input }) as Promise<T>,
      }
    },
  }
}
