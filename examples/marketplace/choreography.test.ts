import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { sqlite } from 'dure/data'
import type { ObservedPath } from 'dure/choreography'
import type { Broker, Delivery } from 'dure/messaging'
import { start, type Running } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { Cart } from './services/cart/contract.ts'
import { Product } from './services/product/contract.ts'
import { Stock } from './services/stock/contract.ts'
import { ADDRESS, buy, fakeProvider, itemOf, offer, withShop } from './shop.test-support.ts'
import { marketplace } from './system.ts'

const PAID = ['stock.reserve', 'stock.confirmed', 'invoice.issued', 'payment.confirmed', 'shipment.notification']
const ask = <T>(running: Running, method: string, input: object): Promise<T> =>
  running.ask('audit', { kind: 'choreography', method, input }) as Promise<T>
const namesOf = ({ path }: ObservedPath): readonly string[] => path.map(({ event }) => event)

const python = spawnSync('python3', ['--version']).status === 0

async function browsed(broker: Broker, topic: string, partition: number): Promise<readonly Delivery[]> {
  const all: Delivery[] = []
  for (;;) {
    const page = await broker.browse({ topic, partition, after: all.at(-1)?.position, limit: 100 })
    if (page.length === 0) return all
    all.push(...page)
  }
}

/** All that was published on the topics of a checkout, in the JSON form of CloudEvents. */
async function exported(broker: Broker): Promise<readonly string[]> {
  const topics = [...PAID, 'stock.failed', 'payment.failed']
  const lines: string[] = []
  for (const topic of topics)
    for (let partition = 0; partition < (await broker.partitions(topic)); partition++)
      for (const { message } of await browsed(broker, topic, partition)) {
        const { id, source, type, time, data } = message
        const moment = new Date(time).toISOString()
        lines.push(JSON.stringify({ specversion: '1.0', id, source, type, time: moment, data: JSON.parse(data) as unknown }))
      }
  return lines
}

test('a checkout is followed from event to event, and a program of others sees the same path', () =>
  withShop(
    async (shop) => {
      await offer(shop, 2, 5)
      await buy(shop, 7, 't1', [itemOf(1, { quantity: 2 }), itemOf(2)])
      await buy(shop, 8, 't2', [itemOf(1, { quantity: 2 }), itemOf(2, { quantity: 9 })])
      await buy(shop, 9, 't3', [itemOf(2, { quantity: 9 })])
      const all = await ask<readonly ObservedPath[]>(shop.running, 'list', {})
      const of = (key: string): ObservedPath => all.find((one) => one.key === key)!
      assert.deepEqual([namesOf(of('t1')), of('t1').ended, of('t1').missing], [PAID, true, []])
      assert.deepEqual(new Set(namesOf(of('t2'))), new Set([...PAID, 'stock.failed']))
      assert.deepEqual([namesOf(of('t3')), of('t3').missing], [['stock.reserve', 'stock.failed'], []])
      if (!python) return
      const script = fileURLToPath(new URL('choreography.py', import.meta.url))
      const events = await exported(shop.broker)
      // In another order, and some of them twice.
      const input = [...events.toReversed(), ...events.slice(0, 3)].join('\n')
      const { stdout } = spawnSync('python3', [script], { input, encoding: 'utf8' })
      assert.deepEqual(JSON.parse(stdout), Object.fromEntries(all.map((one) => [one.key, namesOf(one)])))
    },
    { checkout: 'choreography' },
  ))

test('while payment is stopped, the step that is missing is shown, and that it is late', { timeout: 90_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'marketplace-'))
  const made = marketplace({ provider: fakeProvider(), checkout: 'choreography', database: sqlite({ durability: 'process' }) })
  const rest = made.services.map(({ contract }) => contract.name).filter((name) => name !== 'payment')
  const running = await start(made, { directory, log: silentLogger(), part: ['broker', ...rest] })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  await running.client(Product).addAll({ items: [{ sellerId: 1, productId: 1, name: 'Thing', price: 11, freightValue: 1 }] })
  await running.client(Stock).putAll({ items: [{ sellerId: 1, productId: 1, qtyAvailable: 9 }] })
  const cart = running.client(Cart)
  await cart.add({ customerId: 7, ...itemOf(1) })
  await cart.checkout({ customerId: 7, ...ADDRESS, paymentType: 'BOLETO', instanceId: 't1' })
  let seen: ObservedPath | undefined
  while (!seen?.missing[0]?.late) {
    await sleep(50)
    seen = (await ask<readonly ObservedPath[]>(running, 'path', { key: 't1' }))[0]
  }
  assert.deepEqual(namesOf(seen), PAID.slice(0, 3))
  assert.deepEqual(seen.missing, [{ event: 'payment.confirmed', since: seen.path.at(-1)!.time, late: true }])
})
