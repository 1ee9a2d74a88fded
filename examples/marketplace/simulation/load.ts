import type { Client } from 'dure/call'
import type { AnyContract } from 'dure/contract'
import type { Random } from 'dure/runtime'
import { sometimes, type LoadWorld, type StepWorld } from '@dure/simulation'
import { generateCustomers, generateProducts, generateSellers } from '../data/generate.ts'
import { Audit } from '../services/audit/contract.ts'
import { Cart } from '../services/cart/contract.ts'
import { Customer } from '../services/customer/contract.ts'
import { Order } from '../services/order/contract.ts'
import { Payment } from '../services/payment/contract.ts'
import { Product } from '../services/product/contract.ts'
import { Seller } from '../services/seller/contract.ts'
import { Shipment } from '../services/shipment/contract.ts'
import { Stock } from '../services/stock/contract.ts'
import type { DoorClient } from '../workload/door.ts'
import { idleQueue, type Idle } from '../workload/idle.ts'
import { openLedger, type Ledger } from '../workload/ledger.ts'
import { followMarks, marksOf, type MarkFollower } from '../workload/marks.ts'
import { drawTransactions, type Mix } from '../workload/mix.ts'
import { learnPopulation, type Person, type Population } from '../workload/population.ts'
import { drawProducts, drawSessions, type SessionOptions } from '../workload/session.ts'
import { transactions } from '../workload/transactions.ts'
import { clientDoor } from './door.ts'

export const CONTRACTS: readonly AnyContract[] = [Cart, Order, Stock, Payment, Shipment, Seller, Customer, Product, Audit]

/** Milliseconds for which users are at work. */
export const MINUTE = 60_000
/** Few of everything, and little of it, so that users get in each other's way. */
const [SELLERS, PRODUCTS, CUSTOMERS] = [2, 5, 4]
/** Pieces of a product, the least and the most: in some runs everything is sold out soon, in some nothing ever. */
const SUPPLY = [10, 500] as const
/** More updates than the benchmark has: it is they who contend with checkouts. */
const MIX: Mix = { checkout: 50, dashboard: 8, price: 14, product: 8, delivery: 20 }
const SESSIONS: SessionOptions = {
  sellers: { kind: 'uniform' },
  products: { kind: 'zipf', constant: 1 },
  checkoutProbability: 95,
  voucherProbability: 20,
  uniqueSeller: false,
}
/** Milliseconds after which users give up waiting for an answer, and for the end of what was accepted. */
const [TIMEOUT, LONGEST] = [4_000, 6_000]

/** Users of one run: the benchmark's own transactions, over simulated clients. */
export type Users = {
  readonly setup: (world: LoadWorld) => Promise<void>
  readonly step: (world: StepWorld) => Promise<void>
  readonly ledger: Ledger
  /** @throws before `setup` */
  readonly population: () => Population
}

type Ready = {
  readonly door: DoorClient
  readonly population: Population
  readonly idle: Idle<Person>
  readonly marks: MarkFollower
  readonly over: () => boolean
}

export function createUsers(): Users {
  const ledger = openLedger()
  let ready: Ready | undefined

  const made = (): Ready => {
    if (ready === undefined) throw new Error('Cannot use the marketplace: it was not set up')
    return ready
  }

  return {
    ledger,
    population: () => made().population,
    setup: async (world) => {
      const { client, runtime, sleep } = world
      await fill(client, runtime.random)
      // The carts learn of the products by events, and users come when they have.
      while ((await client(Cart).totals()).replicas < PRODUCTS) await sleep(50)
      const door = clientDoor({ contracts: CONTRACTS, client, timeout: TIMEOUT })
      const population = await learnPopulation(door.get)
      const marks = followMarks({
        open: marksOf(door),
        after: population.lastMark,
        now: runtime.clock.monotonic,
        sleep: runtime.timers.sleep,
      })
      let over = false
      runtime.timers.after(MINUTE, () => {
        over = true
        marks.release()
        void marks.stop()
      })
      ready = { door, population, idle: idleQueue(population.customers), marks: impatient(marks, runtime), over: () => over }
    },
    step: async ({ random, user, number, runtime, sleep }) => {
      const { door, population, idle, marks, over } = made()
      const carryOut = transactions({
        door: noticing(door),
        ledger,
        marks,
        population,
        idle,
        random,
        now: runtime.clock.monotonic,
        plan: drawSessions(population.shelves, SESSIONS, random),
        draw: drawProducts(population.shelves, SESSIONS, random),
        name: () => `u${user}-${number}`,
        over,
        available: () => sleep(200),
        insist: () => true,
        sleep,
      })
      await carryOut[drawTransactions(MIX, random)()]()
    },
  }
}

/** Nobody waits for ever to hear how it ended: they go on to the next, as people do. */
function impatient(marks: MarkFollower, { timers }: LoadWorld['runtime']): MarkFollower {
  return {
    ...marks,
    expect: (tid) => Promise.race([marks.expect(tid), timers.sleep(LONGEST).then(() => void marks.forget(tid))]),
  }
}

/** The door, with an eye on checkouts that are asked for again because nobody heard what became of them. */
function noticing(door: DoorClient): DoorClient {
  let unheard = false
  return {
    ...door,
    send: async (method, path, body) => {
      const reply = await door.send(method, path, body)
      if (!path.endsWith('/checkout')) return reply
      if (unheard && reply.kind === 'answer' && reply.status === 202) sometimes('a checkout was asked for again and answered')
      unheard ||= reply.kind === 'unknown'
      return reply
    },
  }
}

async function fill(client: <C extends AnyContract>(contract: C) => Client<C>, random: Random): Promise<void> {
  const seed = random.integer(1_000_000)
  const supply = SUPPLY[0] * (SUPPLY[1] / SUPPLY[0]) ** random.number()
  const products = [...generateProducts(seed, PRODUCTS)].map((product) => ({
    ...product,
    sellerId: 1 + (product.productId % SELLERS),
  }))
  await client(Seller).putAll({ items: [...generateSellers(seed, SELLERS)] })
  await client(Stock).putAll({
    items: products.map(({ sellerId, productId }) => ({
      sellerId,
      productId,
      qtyAvailable: Math.round(supply * (0.5 + random.number())),
    })),
  })
  await client(Customer).putAll({ items: [...generateCustomers(seed, CUSTOMERS)] })
  await client(Product).addAll({ items: products })
}
