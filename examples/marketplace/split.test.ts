import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { runSplit, type SplitRun } from './split.test-support.ts'

test(
  'npm start -- --split is ready as one process is, its commands work, and it stops cleanly',
  { timeout: 240_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'marketplace-split-'))
    const shop = await runSplit(folder)
    try {
      const { processes } = JSON.parse(readFileSync(join(folder, 'supervisor.json'), 'utf8')) as {
        processes: { name: string; pid: number }[]
      }
      assert.equal(processes.length, 11)
      while (!shop.said().includes('kill -9')) await setTimeout(10)
      assert.ok(shop.said().includes(`kill -9 ${processes.find(({ name }) => name === 'order')!.pid}\n`), shop.said())
      await orderOne(shop)
      assert.equal(await shop.stop(), 0, shop.errors())
      assert.ok(!existsSync(join(folder, 'supervisor.json')))
    } finally {
      shop.child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true, maxRetries: 20 })
    }
  },
)

test(
  'npm start -- --threads has a thread for each service in one process, and its commands work',
  { timeout: 240_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'marketplace-threads-'))
    const shop = await runSplit(folder, {}, '--threads')
    try {
      const { processes } = JSON.parse(readFileSync(join(folder, 'supervisor.json'), 'utf8')) as { processes: unknown[] }
      assert.deepEqual(processes, [])
      const names = readdirSync(join(folder, 'registry'))
        .map((name) => name.split('@')[0]!)
        .filter((name) => !name.startsWith('dure'))
      assert.equal(names.length, 9)
      await orderOne(shop)
      assert.equal(await shop.stop(), 0, shop.errors())
    } finally {
      shop.child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true, maxRetries: 20 })
    }
  },
)

/** The commands that it says to try, until an order is ready to be shipped. */
async function orderOne(shop: SplitRun): Promise<void> {
  for (const { method, at, body } of shop.commands) {
    const answer = await fetch(at, { method, body, headers: { 'content-type': 'application/json' } })
    assert.equal(answer.status, 202, await answer.text())
  }
  let status = ''
  while (status !== 'READY_FOR_SHIPMENT') {
    const [order] = (await (await fetch(`${shop.url}/order/1`)).json()) as { status: string }[]
    status = order?.status ?? ''
  }
}
