import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { CallError, contract, query } from '../contract/contract.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { service, start, system, SystemError, type Running, type SystemOptions } from './service.ts'

const asks = { ask: query({ output: z.string() }) }
const Order = contract('order', { version: '1.0.0', owner: 'tests', operations: asks })
const Cart = contract('cart', { version: '1.0.0', owner: 'tests', operations: asks })
const Mail = contract('mail', { version: '1.0.0', owner: 'tests', operations: asks })
const services = [
  service(Order, { handlers: { ask: (_, { caller }) => `order to ${caller ?? 'nobody'}` } }),
  service(Cart, { needs: { order: Order }, handlers: { ask: (_, { order }) => order.ask() } }),
  service(Mail, { needs: { order: Order }, handlers: { ask: (_, { order }) => order.ask() } }),
]

async function run(t: TestContext, options: Partial<SystemOptions>): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-allow-'))
  const running = await start(system('shop', { services, ...options }), { directory, log: silentLogger() })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return running
}

const refusal = (words: RegExp) => (error: unknown) =>
  error instanceof CallError && error.code === 'PERMISSION_DENIED' && words.test(error.message)

test('who is named may call, and nobody else: the refusal names caller and callee', async (t) => {
  const { client } = await run(t, { allow: { order: ['cart'], cart: ['doors'], mail: ['doors'] } })
  assert.equal(await client(Cart).ask(), 'order to cart')
  await assert.rejects(
    client(Mail).ask(),
    refusal(
      /^Call to order\.ask was refused: service "mail" may not call service "order"; add "mail" to "order" in "allow" of the system/,
    ),
  )
  await assert.rejects(client(Order).ask(), refusal(/a caller at its doors may not call service "order"; add "doors"/))
})

test('what is not named is called by nobody, and it does not depend on security', async (t) => {
  const { client } = await run(t, { allow: { cart: ['doors'] }, security: 'off' })
  await assert.rejects(client(Cart).ask(), refusal(/service "cart" may not call service "order"/))
  await assert.rejects(client(Mail).ask(), refusal(/doors may not call service "mail"/))
})

test('without it each service may call each other one', async (t) => {
  const { client } = await run(t, {})
  assert.equal(await client(Mail).ask(), 'order to mail')
  assert.equal(await client(Order).ask(), 'order to nobody')
})

test('names that are wrong keep a system from being put together', () => {
  const problemsOf = (allow: unknown): readonly string[] => {
    try {
      system('shop', { services, allow: allow as never })
    } catch (error) {
      if (error instanceof SystemError) return error.problems
    }
    return []
  }
  assert.match(problemsOf({ orders: ['cart'] })[0]!, /who may call "orders", which is no service of the system/)
  assert.match(problemsOf({ order: ['carts', 'doors'] })[0]!, /lets "carts" call "order", and that is no service/)
  assert.match(problemsOf({ order: 'cart' })[0]!, /has "cart" for "order"; list services such as \['cart'\]/)
  assert.match(problemsOf(['cart'])[0]!, /Its "allow" is \["cart"\]; name callers by service/)
  assert.deepEqual(problemsOf({ order: ['cart', 'doors'], mail: [] }), [])
})
