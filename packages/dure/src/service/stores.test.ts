import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { command, contract } from '../contract/contract.ts'
import { database, sqlite } from '../data/data.ts'
import { embeddedBroker } from '../messaging/messaging.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { service, start, system, type Service, type StoreAdapter } from './service.ts'

const durability = 'process'

/** A service that keeps what it is told. */
function keeper(name: string, store?: StoreAdapter): Service {
  const own = contract(name, { version: '1.0.0', owner: 'tests', operations: { keep: command({ input: z.string() }) } })
  return service(own, {
    ...(store === undefined ? {} : { store }),
    database: database<{ kept: { what: string } }>({ migrations: { '1': 'CREATE TABLE kept (what TEXT)' } }),
    handlers: {
      keep: async (what, { database }) => {
        await database.transaction((tx) => tx.insertInto('kept').values({ what }).execute())
      },
    },
  })
}

/** Stores in a folder of their own, and how often the adapter was made. */
function shelf(root: string, name: string): { readonly adapter: StoreAdapter; readonly made: () => number } {
  let made = 0
  const adapter: StoreAdapter = (world) => {
    made++
    return sqlite({ durability })({ ...world, directory: join(root, name) })
  }
  return { adapter, made: () => made }
}

test('each service keeps its data where the system says by name, else where it says itself, else where all do', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-stores-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const [own, named] = [shelf(directory, 'own'), shelf(directory, 'named')]
  const running = await start(
    system('kept', {
      services: [keeper('carts'), keeper('orders', own.adapter), keeper('stock', own.adapter), keeper('audit', own.adapter)],
      database: sqlite({ durability }),
      stores: { audit: named.adapter },
      broker: embeddedBroker({ durability }),
      telemetry: false,
    }),
    { directory, log: silentLogger() },
  )
  await running.stop()
  const stores = (folder: string): readonly string[] =>
    readdirSync(join(directory, folder)).filter((name) => name.endsWith('.db') && name !== 'broker.db')
  assert.deepEqual(stores('.'), ['carts.db'])
  assert.deepEqual(stores('own').toSorted(), ['orders.db', 'stock.db'])
  assert.deepEqual(stores('named'), ['audit.db'])
  assert.deepEqual([own.made(), named.made()], [1, 1])
})

test('a store for nobody, and one for a service that keeps nothing, are refused in words', () => {
  const idle = contract('idle', { version: '1.0.0', owner: 'tests', operations: {} })
  const services = [keeper('carts'), service(idle, { store: sqlite(), handlers: {} })]
  assert.throws(() => system('kept', { services, stores: { cart: sqlite() } }), {
    message:
      /"stores" names "cart", which is no service of the system with a database[\s\S]*Service "idle" has a store but no "database"/,
  })
})
