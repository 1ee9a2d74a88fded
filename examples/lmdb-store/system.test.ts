import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { clientDatabase, database, sqlite } from 'dure/data'
import { service, start, system, type Running, type Service } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { lmdb } from './store.ts'
import { Carts, cartsWith, shop, Stock, stock } from './system.ts'

function folderOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dure-lmdb-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

async function run(t: TestContext, directory: string, carts?: Service): Promise<Running> {
  const running = await start(shop(carts as never), { directory, log: silentLogger() })
  t.after(() => running.stop())
  return running
}

async function quiet(running: Running): Promise<void> {
  while (!(await running.status()).quiet) await setTimeout(5)
}

test(
  'a cart in LMDB and stock in SQLite hear of each other, and a repeated command happens once',
  { timeout: 60_000 },
  async (t) => {
    const directory = folderOf(t)
    const running = await run(t, directory)
    const carts = running.client(Carts)
    const order = () => carts.order({ cartId: 'a', sku: 'lamp' }, { idempotencyKey: 'k-1' })
    // At once, and again afterwards: one effect, one answer.
    assert.deepEqual(await Promise.all([order(), order()]), [
      { orders: 1, reserved: 0 },
      { orders: 1, reserved: 0 },
    ])
    assert.deepEqual(await order(), { orders: 1, reserved: 0 })
    await assert.rejects(carts.order({ cartId: 'b', sku: 'lamp' }, { idempotencyKey: 'k-1' }), { code: 'FAILED_PRECONDITION' })
    await quiet(running)
    assert.deepEqual(await carts.find('a'), { orders: 1, reserved: 1, left: 999 })
    assert.equal(await running.client(Stock).reserved('a'), 1)
    await running.stop()
    const again = await run(t, directory)
    assert.deepEqual(await again.client(Carts).order({ cartId: 'a', sku: 'lamp' }, { idempotencyKey: 'k-1' }), {
      orders: 1,
      reserved: 0,
    })
    assert.deepEqual(await again.client(Carts).find('a'), { orders: 1, reserved: 1, left: 999 })
  },
)

test(
  'an event that cannot be taken is a dead letter in LMDB, holds its key, and goes on when it is retried',
  { timeout: 60_000 },
  async (t) => {
    let broken = true
    const running = await run(t, folderOf(t), cartsWith((cartId) => broken && cartId === 'bad') as unknown as Service)
    const carts = running.client(Carts)
    for (const cartId of ['bad', 'bad', 'good']) await carts.order({ cartId, sku: 'lamp' })
    const letters = running.deadLetters('carts')!
    while ((await letters.list()).length === 0) await setTimeout(5)
    await quiet(running)
    const [letter] = await letters.list()
    assert.deepEqual([letter!.consumer, letter!.attempts, letter!.held], ['carts/stock.reserved', 2, 1])
    // Nothing of what failed was kept.
    assert.equal((await carts.find('bad')).reserved, 0)
    assert.equal((await carts.find('good')).reserved, 1)
    broken = false
    assert.equal(await letters.retry({ ids: [letter!.id] }, 'somebody'), 1)
    while ((await carts.find('bad')).reserved < 2) await setTimeout(5)
    assert.deepEqual(
      (await letters.audit()).map(({ action, by }) => [action, by]),
      [['retry', 'somebody']],
    )
  },
)

test('killed in the midst, nothing is lost and nothing happens twice', { timeout: 120_000 }, async (t) => {
  const directory = folderOf(t)
  const script = fileURLToPath(new URL('./shop.test-support.ts', import.meta.url))
  const answered = new Set<string>()
  for (let life = 0; life < 2; life++) {
    const folder = join(directory, String(life))
    const child = spawn(process.execPath, ['--conditions=dure-source', script, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
    answered.clear()
    for await (const line of createInterface({ input: child.stdout })) {
      answered.add(line)
      if (answered.size === 200 * (life + 1)) child.kill('SIGKILL')
    }
    const running = await run(t, folder)
    await quiet(running)
    const carts = running.client(Carts)
    for (const cartId of answered) {
      const { orders, reserved } = await carts.find(cartId)
      assert.deepEqual([cartId, orders, reserved, await running.client(Stock).reserved(cartId)], [cartId, 1, 1, 1])
    }
    await running.stop()
  }
})

test('a store that is not what the service declares is refused in words', async (t) => {
  const start1 = (one: Service): Promise<Running> =>
    start(system('shop', { services: [one] }), { directory: folderOf(t), log: silentLogger() })
  const handlers = { reserved: () => 0 }
  const code = 'FAILED_PRECONDITION'
  await assert.rejects(start1(service(Stock, { store: sqlite(), database: clientDatabase<object>(), handlers })), {
    code,
    message: /declares clientDatabase[\s\S]*"sqlite" speaks SQL/,
  })
  await assert.rejects(start1(service(Stock, { store: lmdb(), database: database<{}>({ migrations: {} }), handlers })), {
    code,
    message: /declares database[\s\S]*"lmdb" has a client of its own/,
  })
  assert.ok(stock.database)
})
