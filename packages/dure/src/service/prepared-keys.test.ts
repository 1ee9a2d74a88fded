import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { CallError, command, contract, DeclaredError, error, event, query } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { preparedKey, preparedKeys } from './prepared-keys.ts'
import { quiet, until } from './rig.test-support.ts'
import { service, start, system } from './service.ts'

const Placed = event('placed', { schema: z.object({ id: z.string() }), key: ({ id }) => id })
const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: { place: command({ input: z.object({ id: z.string() }) }) },
  events: [Placed],
})
const Empty = error('EMPTY')
const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    take: command({ input: z.object({ item: z.string() }), output: z.int(), errors: { Empty } }),
    taken: query({ output: z.array(z.string()) }),
  },
})
const Mail = contract('mail', {
  version: '1.0.0',
  owner: 'tests',
  operations: { send: command({ input: z.object({ to: z.string() }) }) },
})
const Shipping = contract('shipping', { version: '1.0.0', owner: 'tests', operations: {} })

test(
  'what prepare calls is done once, however often it is run; a refusal may go right the next time',
  { timeout: 30_000 },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'dure-prepared-'))
    const keys: (string | undefined)[] = []
    const own: (string | undefined)[] = []
    let empty = true
    let [prepared, handled] = [0, 0]
    const shop = service(Shop, {
      database: database({ migrations: {} }),
      handlers: { place: ({ id }, context) => context.database.transaction((tx) => tx.publish(Placed, { id })) },
    })
    const stock = service(Stock, {
      database: database<{ taken: { item: string } }>({ migrations: { '001': 'CREATE TABLE taken (item TEXT NOT NULL)' } }),
      handlers: {
        take: async ({ item }, context) => {
          if (item === 'rare' && empty) throw Empty()
          return context.database.transaction(async (tx) => {
            await tx.insertInto('taken').values({ item }).execute()
            const { n } = await tx
              .selectFrom('taken')
              .select(({ fn }) => fn.countAll<number>().as('n'))
              .executeTakeFirstOrThrow()
            return Number(n)
          })
        },
        taken: async (_input, context) =>
          (await context.database.read.selectFrom('taken').select('item').orderBy('item').execute()).map(({ item }) => item),
      },
    })
    // It has nowhere to remember keys.
    const mail = service(Mail, { handlers: { send: (_input, { idempotencyKey }) => void keys.push(idempotencyKey) } })
    const shipping = service(Shipping, {
      database: database({ migrations: {} }),
      needs: { stock: Stock, mail: Mail },
      handlers: {},
      subscriptions: ({ on }) => [
        on(Placed, {
          name: 'ship',
          prepare: async (_event, context) => {
            prepared++
            own.push(context.idempotencyKey)
            // The same two, and in another order the next time.
            const items = prepared % 2 === 0 ? ['a', 'b', 'a'] : ['b', 'a', 'a']
            for (const item of items) await context.stock.take({ item })
            await context.mail.send({ to: 'kim' })
            return context.stock.take({ item: 'rare' }).catch((failure: unknown) => {
              empty = false
              throw failure instanceof DeclaredError ? failure : new Error('Not as expected', { cause: failure })
            })
          },
          handle: () => {
            if (++handled === 1) throw new CallError('UNAVAILABLE', 'Not yet')
          },
          retry: { first: 5, max: 5 },
        }),
      ],
    })
    const running = await start(system('shop', { services: [shop, stock, mail, shipping] }), { directory, log: silentLogger() })
    t.after(async () => {
      await running.stop()
      rmSync(directory, { recursive: true, force: true })
    })
    await running.client(Shop).place({ id: 'o-1' })
    await until(() => handled === 2)
    await quiet(running)
    assert.equal(prepared, 3)
    assert.deepEqual(await running.client(Stock).taken(), ['a', 'a', 'b', 'rare'])
    assert.equal(keys.length, 3)
    assert.equal(new Set(keys).size, 1)
    assert.equal(new Set(own).size, 1)
    assert.match(String(keys[0]), /^prepare:shipping\/ship:.+:.{24}$/)
    assert.ok(keys[0]!.startsWith(own[0]!))
  },
)

test('a key is of its consumer, its message and its call, and never longer than keys may be', () => {
  const { take } = Stock.operations
  const prefix = preparedKey('shipping/ship', 'm-1')
  const [first, second] = [preparedKeys(prefix), preparedKeys(prefix)]
  const made = [
    first(take, 'stock.take', { item: 'a' }),
    first(take, 'stock.take', { item: 'b' }),
    first(take, 'stock.take', { item: 'a' }),
  ]
  assert.equal(new Set(made).size, 3)
  const again = [
    second(take, 'stock.take', { item: 'b' }),
    second(take, 'stock.take', { item: 'a' }),
    second(take, 'stock.take', { item: 'a' }),
  ]
  assert.deepEqual(again, [made[1], made[0], made[2]])
  assert.notEqual(preparedKeys(preparedKey('shipping/ship', 'm-2'))(take, 'stock.take', { item: 'a' }), made[0])
  assert.ok(preparedKeys(preparedKey('c'.repeat(300), 'm'.repeat(300)))(take, 'stock.take', { item: 'a' }).length <= 255)
  // What the callee is going to refuse has a key all the same.
  assert.equal(typeof first(take, 'stock.take', { item: 1n }), 'string')
})
