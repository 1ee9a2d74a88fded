import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { contract, query } from '../../contract/contract.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { service, start, system, type Door, type DoorHost } from '../service.ts'

const Stock = contract('stock', { version: '1.0.0', owner: 'tests', operations: { left: query({ output: z.int() }) } })
const Cart = contract('cart', { version: '1.0.0', owner: 'tests', operations: { look: query({ output: z.int() }) } })

test('a door is told how each process sees the instances that it calls, and nothing of a process that is gone', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-peers-'))
  t.after(() => rmSync(directory, { recursive: true, force: true, maxRetries: 20 }))
  let host: DoorHost | undefined
  const door: Door = {
    name: 'look',
    open: async (given) => {
      host = given
      return { url: undefined, close: async () => {} }
    },
  }
  const shop = system('shop', {
    services: [
      service(Stock, { handlers: { left: () => 3 } }),
      service(Cart, { needs: { stock: Stock }, handlers: { look: (_, { stock }) => stock.left() } }),
    ],
    doors: [door],
  })
  const run = (...part: string[]) => start(shop, { directory, log: silentLogger(), part })
  await using stock = stopped(await run('broker', 'stock'))
  const cart = await run('cart')
  await using doors = stopped(await run('doors'))
  assert.equal(await doors.running.client(Cart).look(), 3)
  const seen = async (): Promise<readonly string[]> =>
    (await host!.peers())
      .filter(({ instances }) => instances.length > 0)
      .flatMap(({ from, service: of, instances, ejections }) =>
        instances.map(({ health }) => `${from} → ${of}: ${health}, ${ejections}`),
      )
      .filter((one) => !one.includes('broker'))
      .toSorted()
  assert.deepEqual(await seen(), ['cart → stock: in, 0', 'doors → cart: in, 0'])
  const budget = (await host!.peers()).find(({ from }) => from === 'cart')!
  assert.ok(budget.retriesLeft > 0)
  assert.equal(budget.retries, 0)
  await cart.stop()
  assert.equal(
    (await seen()).some((one) => one.startsWith('cart')),
    false,
  )
  assert.ok(stock.running)
})

const stopped = <T extends { readonly stop: () => Promise<void> }>(running: T) => ({
  running,
  [Symbol.asyncDispose]: () => running.stop(),
})
