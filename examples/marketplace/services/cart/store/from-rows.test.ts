import { postgres } from '@dure/postgres'
import { startServer } from '@dure/postgres/server'
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { command, contract } from 'dure/contract'
import { database, sqlite } from 'dure/data'
import { embeddedBroker } from 'dure/messaging'
import { service, start, system, type Running, type Service, type StoreAdapter } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { Cart } from '../contract.ts'
import { cartService } from '../service.ts'
import { cartDatabase } from './tables.ts'

const item = (productId: number) => ({
  ...{ sellerId: 1, productId, productName: `Thing's "${productId}"`, unitPrice: 10.5, freightValue: 1 },
  ...{ quantity: 2, voucher: 0.07, version: '0' },
})
const row = (customer_id: number, product_id: number) => ({
  ...{ customer_id, seller_id: 1, product_id, name: `Thing's "${product_id}"`, unit_price: 1050, freight_value: 100 },
  ...{ quantity: 2, voucher: 7, version: '0' },
})
const dropped = [{ sellerId: 1, productId: 9, status: 'PRICE_DIVERGENCE' }]

/** The carts of a release whose carts were rows: more customers than are moved at once. */
const Before = contract('cart', { version: '1.0.0', owner: 'tests', operations: { fill: command({}) } })
const before: Service = service(Before, {
  // oxlint-disable-next-line typescript/no-explicit-any -- tables that are no more
  database: database<Record<string, any>>({ migrations: { '001-carts': cartDatabase.migrations['001-carts']! } }),
  handlers: {
    fill: async (_input, { database }) =>
      database.transaction(async (tx) => {
        const customers = Array.from({ length: 700 }, (_, i) => i)
        await tx
          .insertInto('carts')
          .values(customers.map((customer_id) => ({ customer_id, checkouts: 0 })))
          .execute()
        for (const customer of [3, 699])
          await tx
            .insertInto('cart_items')
            .values([row(customer, 2), row(customer, 1)])
            .execute()
        const sent = { items: JSON.stringify([item(1), item(3)]), dropped: JSON.stringify(dropped) }
        for (const [customer_id, tid] of [
          [3, 't1'],
          [3, 't2'],
          [4, 't3'],
        ] as const)
          await tx
            .insertInto('cart_history')
            .values({ customer_id, tid, checkout_id: `c-${tid}`, ...sent })
            .execute()
      }),
  },
})

async function keepsCarts(t: TestContext, store: StoreAdapter): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cart-rows-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const broker = embeddedBroker({ durability: 'process' })
  const run = async (one: Service, work: (running: Running) => Promise<void>): Promise<void> => {
    const running = await start(system('shop', { services: [one], database: store, broker, telemetry: false }), {
      directory,
      log: silentLogger(),
    })
    try {
      await work(running)
    } finally {
      await running.stop()
    }
  }
  await run(before, (running) => running.client(Before).fill())
  await run({ ...cartService, reactions: [] }, async (running) => {
    const cart = running.client(Cart)
    assert.deepEqual(await cart.totals(), { carts: 2, items: 4, checkouts: 3, replicas: 0 })
    assert.deepEqual(await cart.get({ customerId: 3 }), { customerId: 3, status: 'OPEN', items: [item(1), item(2)] })
    assert.deepEqual(await cart.history({ customerId: 3, tid: 't2' }), [item(1), item(3)])
    // What was answered is answered again, and what was open can be sent.
    const who = { firstName: 'Ada', lastName: 'Kim', street: '1 Elm Street', city: 'Seoul', state: 'SE', zipCode: '04524' }
    const ask = { ...who, customerId: 3, paymentType: 'BOLETO' } as const
    assert.deepEqual(await cart.checkout({ ...ask, instanceId: 't1' }), { instanceId: 't1', items: 2, dropped })
    assert.deepEqual(await cart.checkout({ ...ask, instanceId: 't4' }), { instanceId: 't4', items: 2, dropped: [] })
    assert.deepEqual((await cart.get({ customerId: 4 })).items, [])
    assert.equal((await cart.get({ customerId: 699 })).items.length, 2)
  })
}

test('carts that were rows become events: none is lost, in SQLite', (t) => keepsCarts(t, sqlite({ durability: 'process' })))

test('the same in PostgreSQL', { timeout: 120_000 }, async (t) => {
  const server = await startServer({ settings: { fsync: 'off' } })
  t.after(() => server.close())
  await keepsCarts(t, postgres({ url: server.url() }))
})
