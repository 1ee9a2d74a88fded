import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { command, contract, query } from 'dure/contract'
import { database, type Migrations } from 'dure/data'
import { service, type Service } from 'dure/service'
import { z } from 'zod'
import { ownProcess, testSystem } from './component.ts'
import { SCHEMA_OF, SCHEMA_USED } from './schema-of.ts'

const Item = z.object({ id: z.string(), cents: z.int() })
const Sales = contract('sales', {
  version: '1.4.0',
  owner: 'tests',
  operations: { sell: command({ input: Item }), sold: query({ output: z.array(Item) }) },
})
const first = { '001': 'CREATE TABLE sales (id TEXT PRIMARY KEY, cents INTEGER NOT NULL)' }
const release = (migrations: Migrations): Service<typeof Sales> =>
  service(Sales, {
    database: database<{ sales: { id: string; cents: number } }>({ migrations }),
    handlers: {
      sell: async (sale, { database }) => {
        await database.transaction(async (tx) => void (await tx.insertInto('sales').values(sale).execute()))
      },
      sold: (_, { database }) => database.read.selectFrom('sales').selectAll().execute(),
    },
  })
const now = release(first)

/** The component's test, as the release that runs has it. */
async function sells(next: Service): Promise<void> {
  await using test = await testSystem(now, { schemaOf: next })
  const { sell, sold } = test.client(Sales)
  await sell({ id: 'a', cents: 7 })
  await test.kill()
  await sell({ id: 'b', cents: 8 })
  assert.deepEqual(
    (await sold()).map(({ id }) => id),
    ['a', 'b'],
  )
}

test('what only adds passes, and what takes away too early is caught by the tests of the release before', async () => {
  await sells(release({ ...first, '002': "ALTER TABLE sales ADD COLUMN currency TEXT NOT NULL DEFAULT 'EUR'" }))
  // As it is known by its text, the store is not opened.
  await assert.rejects(
    sells(release({ ...first, '002': 'ALTER TABLE sales RENAME COLUMN cents TO amount' })),
    /"002" was applied to it and takes away what others use/,
  )
  // As nobody can know, and the author was wrong about, the tests find out.
  const moved = 'ALTER TABLE sales RENAME COLUMN cents TO amount'
  await assert.rejects(sells(release({ ...first, '002': { contracts: false, run: moved } })), { code: 'INTERNAL' })
  const required = "CREATE TRIGGER whole BEFORE INSERT ON sales WHEN NEW.cents < 10 BEGIN SELECT RAISE(ABORT, 'too cheap'); END"
  await assert.rejects(sells(release({ ...first, '002': required })), { code: 'INTERNAL' })
})

test('a release that lacks the service, and a process that could not be told, are refused', async () => {
  const Other = contract('other', { version: '1.0.0', owner: 'tests', operations: {} })
  await assert.rejects(
    testSystem(now, { schemaOf: service(Other, { handlers: {} }) as Service }),
    /Cannot test "sales" on the schema of a later release: that has no service "sales" with a database/,
  )
  const file = new URL(import.meta.url)
  await assert.rejects(
    testSystem(now, { schemaOf: now, in: ownProcess({ file }) }),
    /"sales" in a process of its own with "schemaOf"/,
  )
})

test('for all tests of a project the environment says the release, and notes what was tested on it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'schema-of-'))
  const file = join(folder, 'system.mjs')
  writeFileSync(
    file,
    `export default { services: [{ contract: { name: 'sales' }, database: { migrations: {
      '001': ${JSON.stringify(first['001'])}, '002': { contracts: false, run: 'ALTER TABLE sales DROP COLUMN cents' } } } }] }`,
  )
  Object.assign(process.env, { [SCHEMA_OF]: file, [SCHEMA_USED]: join(folder, 'used') })
  t.after(() => {
    for (const name of [SCHEMA_OF, SCHEMA_USED]) delete process.env[name]
  })
  await using test = await testSystem(now)
  await assert.rejects(test.client(Sales).sell({ id: 'a', cents: 7 }), { code: 'INTERNAL' })
  assert.equal(readFileSync(join(folder, 'used'), 'utf8'), 'sales\n')
})
