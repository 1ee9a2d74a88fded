import assert from 'node:assert/strict'
import { CallError } from 'dure/contract'
import { type Simulation, sometimes, type StepWorld } from './simulation.ts'
import { Mail, Orders, Stock } from './shop-contracts.test-support.ts'
import { IN_STOCK, shop, SKUS, type Mistake } from './shop-services.test-support.ts'

/** What users do in the shop, and what must be true afterwards. */
export function shopping(mistake?: Mistake): () => Simulation {
  return () => {
    const accepted = new Set<string>()
    return {
      system: () => shop(mistake),
      load: {
        duration: 20_000,
        clients: 3,
        pause: 700,
        step: async ({ client, random, user, number, sleep }) => {
          const orderId = `${user}-${number}`
          const orders = client(Orders)
          const line = { orderId, sku: SKUS[random.integer(SKUS.length)]!, quantity: 1 + random.integer(3) }
          // A user who is not answered asks again; the order is the same.
          for (let attempt = 1; ; attempt++) {
            try {
              await orders.place(line, { timeout: 3_000 })
              break
            } catch (error) {
              if (attempt === 4 || !(error instanceof CallError)) throw error
              sometimes('a user asked again')
              await sleep(300)
            }
          }
          accepted.add(orderId)
          const next = random.number()
          if (next < 0.15) await client(Mail).collect(undefined, { timeout: 3_000 })
          else if (next < 0.45) await charge({ client, random })
          else if (next < 0.8) {
            // One of those before, or this one.
            const some = { orderId: `${user}-${random.integer(number + 1)}` }
            if ((await orders.giveBack(some, { timeout: 3_000 })).done) sometimes('an order was given back')
          }
        },
      },
      invariants: {
        'all orders are collected': async ({ client, rows }) => {
          while ((await client(Mail).collect()).count > 0);
          const missing = new Set(rows('orders', 'SELECT id FROM orders').map(({ id }) => String(id)))
          for (const { order_id } of rows('mail', 'SELECT order_id FROM collected')) missing.delete(String(order_id))
          assert.deepEqual([...missing], [], `orders ${[...missing].join()} were never collected`)
        },
        'an order that was accepted is there': ({ rows }) => {
          const there = new Set(rows('orders', 'SELECT id FROM orders').map(({ id }) => String(id)))
          for (const id of accepted) assert.ok(there.has(id), `order ${id} was accepted and is not there`)
        },
        'no order is left open': ({ rows }) => {
          const open = rows('orders', "SELECT id FROM orders WHERE state = 'open'").map(({ id }) => id)
          assert.deepEqual(open, [], `orders ${open.join()} are still open`)
        },
        'what is sold and what is left make what there was': ({ rows }) => {
          for (const sku of SKUS) {
            const [{ sold } = { sold: 0 }] = rows(
              'orders',
              "SELECT coalesce(sum(quantity), 0) AS sold FROM orders WHERE sku = ? AND state = 'confirmed'",
              [sku],
            )
            const [{ left } = { left: 0 }] = rows('stock', 'SELECT remaining AS left FROM stock WHERE sku = ?', [sku])
            assert.equal(
              Number(sold) + Number(left),
              IN_STOCK,
              `${sku}: ${String(sold)} sold and ${String(left)} left of ${IN_STOCK}`,
            )
            if (Number(left) < 3) sometimes('something was sold out')
          }
        },
        'every order gets its letters, once and in order': ({ rows }) => {
          const letters = new Map<string, string[]>()
          for (const { order_id, about } of rows('mail', 'SELECT order_id, about FROM letters ORDER BY position')) {
            const id = String(order_id)
            letters.set(id, [...(letters.get(id) ?? []), String(about)])
          }
          for (const { id, state } of rows('orders', 'SELECT id, state FROM orders')) {
            const due = state === 'returned' ? ['confirmed', 'returned'] : [String(state)]
            assert.deepEqual(letters.get(String(id)) ?? [], due, `letters of order ${String(id)}`)
          }
        },
        'nobody charges under a lease that another has by then': ({ rows }) => {
          const last = new Map<string, number>()
          for (const { account, token } of rows('stock', 'SELECT account, token FROM charges ORDER BY position')) {
            const before = last.get(String(account)) ?? 0
            assert.ok(
              Number(token) >= before,
              `${String(account)} was charged under lease ${String(token)} after lease ${before}`,
            )
            last.set(String(account), Number(token))
          }
        },
      },
    }
  }
}

/** Charges an account under a lease, so that nobody else does meanwhile; and asks somebody else first, which may take long. */
async function charge({ client, random }: Pick<StepWorld, 'client' | 'random'>): Promise<void> {
  const account = `account ${random.integer(2)}`
  const { token } = await client(Stock).lease({ what: account }, { timeout: 3_000 })
  if (token === 0) return sometimes('an account was leased to another')
  await client(Mail)
    .collect(undefined, { timeout: 300 + random.integer(3_000) })
    .catch(() => {})
  const { done } = await client(Stock).charge({ account, token }, { timeout: 3_000 })
  if (!done) sometimes('who charged too late was fenced')
}
