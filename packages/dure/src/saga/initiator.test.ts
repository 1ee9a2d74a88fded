import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { contract } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { service, start, system } from '../service/service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { saga } from './saga.ts'
import { Bank, bankOf, Paid, Shop, shopOf, until } from './saga.test-support.ts'

test('who began a saga is known to what its steps lead to, also in a child of it, and opens nothing there', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-saga-initiator-'))
  const heard: unknown[] = []
  const Ledger = contract('ledger', { version: '1.0.0', owner: 'tests', operations: {} })
  const ledger = service(Ledger, {
    database: database({ migrations: {} }),
    handlers: {},
    subscriptions: ({ on }) => [on(Paid, async ({ data, initiator }) => void heard.push([data.order, initiator]))],
  })
  const child = saga('child', {
    needs: { bank: Bank },
    input: z.object({ order: z.string() }),
    run: (s, { order }) => s.step('tell', { do: ({ bank }) => bank.tell({ order, amount: 2 }) }),
  })
  const parent = saga('parent', {
    needs: { bank: Bank },
    input: z.object({}),
    run: async (s) => {
      await s.step('tell', { do: ({ bank }) => bank.tell({ order: 'by the saga', amount: 1 }) })
      await s.child('child', child, { order: 'by its child' })
    },
  })
  const shop = system('shop', { services: [shopOf([parent, child]), bankOf(), ledger] })
  const running = await start(shop, { directory, log: silentLogger() })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true })
  })
  const ana = { subject: 'ana', kind: 'user', scopes: ['all'], roles: [] } as const
  await running.client(Shop, { principal: ana }).begin({ saga: 'parent', id: 'a', input: {} })
  await until(() => heard.length === 2)
  assert.deepEqual(heard, [
    ['by the saga', 'ana'],
    ['by its child', 'ana'],
  ])
})
