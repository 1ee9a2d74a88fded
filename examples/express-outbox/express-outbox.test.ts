import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import express from 'express'
import { Pool } from 'pg'
import { startServer } from '@dure/postgres/server'
import * as now from './after.ts'
import * as then from './before.ts'

const server = await startServer({ settings: { fsync: 'off' } })
const pool = new Pool({ connectionString: server.url() })
/** The other application's own connections. */
const letters = new Pool({ connectionString: server.url() })
await pool.query('CREATE TABLE orders (id BIGSERIAL PRIMARY KEY, sku TEXT NOT NULL, quantity INT NOT NULL CHECK (quantity > 0))')
await pool.query('CREATE TABLE letters (order_id TEXT NOT NULL)')
await pool.query(now.migration)
after(async () => {
  await Promise.all([pool.end(), letters.end()])
  await server.close()
})
beforeEach(() => pool.query('TRUNCATE orders, letters, dure_outbox, dure_inbox'))

/** Posts these bodies to an application with this handler; the statuses answered. */
async function post(handler: ReturnType<typeof now.placeOrder>, bodies: readonly object[]): Promise<readonly number[]> {
  const http = express().use(express.json()).post('/orders', handler).listen(0, '127.0.0.1')
  await once(http, 'listening')
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/orders`
  const headers = { 'content-type': 'application/json' }
  const answers = await Promise.all(bodies.map((body) => fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })))
  await Promise.all(answers.map((answer) => answer.text()))
  http.closeAllConnections()
  await new Promise((resolve) => http.close(resolve))
  return answers.map(({ status }) => status)
}

const bodies = [...Array.from({ length: 8 }, (_, n) => ({ sku: `sku-${n}`, quantity: 1 })), { sku: 'none', quantity: 0 }]

/** A way to the other application that fails every third time, and every second time says so although it arrived. */
function unreliable<M>(arrive: (message: M) => Promise<void>): (message: M) => Promise<void> {
  let calls = 0
  return async (message) => {
    calls++
    if (calls % 3 === 0) throw new Error('connection refused')
    await arrive(message)
    if (calls % 2 === 0) throw new Error('connection reset')
  }
}

async function counts(): Promise<{ readonly orders: number; readonly letters: number; readonly written: number }> {
  const { rows } = await pool.query<{ orders: number; letters: number; written: number }>(
    `SELECT (SELECT count(*)::int FROM orders) AS orders, count(*)::int AS letters, count(DISTINCT order_id)::int AS written FROM letters`,
  )
  return rows[0]!
}

test('as it was: orders that nobody hears of', async () => {
  const onMessage = then.onMessage(letters)
  let id = 0
  const send = unreliable((message: object) => {
    const { type, key, data } = message as { type: string; key: string; data: unknown }
    return onMessage({ id: String(++id), type, key, data: JSON.stringify(data) })
  })
  await post(then.placeOrder(pool, send), bodies)
  const { orders, written } = await counts()
  assert.equal(orders, 8)
  assert.ok(written < orders)
})

test('as it is: each order has its letter, and one', async () => {
  const statuses = await post(now.placeOrder(pool), bodies)
  assert.deepEqual(
    [statuses.filter((status) => status === 201).length, statuses.filter((status) => status === 500).length],
    [8, 1],
  )
  let arrivals = 0
  const onMessage = now.onMessage(letters)
  const relay = now.relay(
    server.url(),
    unreliable((message) => {
      arrivals++
      return onMessage(message)
    }),
  )
  await relay.flush()
  await relay.stop()
  assert.deepEqual(await counts(), { orders: 8, letters: 8, written: 8 })
  assert.ok(arrivals > 8, 'some came twice')
})

test('in under 20 lines of change', () => {
  const lines = (file: string): readonly string[] =>
    readFileSync(join(import.meta.dirname, file), 'utf8')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('/**'))
  const [before, afterwards] = [lines('before.ts'), lines('after.ts')]
  const changed = afterwards.length - commonLines(before, afterwards)
  assert.ok(changed > 0 && changed < 20, `${changed} lines are new or other`)
})

/** The most lines that both have in the same order. */
function commonLines(a: readonly string[], b: readonly string[]): number {
  let row = Array.from({ length: b.length + 1 }, () => 0)
  for (const line of a) {
    const next = [0]
    for (const [at, other] of b.entries()) next.push(line === other ? row[at]! + 1 : Math.max(row[at + 1]!, next[at]!))
    row = next
  }
  return row.at(-1)!
}
