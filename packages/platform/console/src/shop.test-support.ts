/** A small system with its console: orders that ask for stock and announce, mail that cannot be sent to some. */
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditLog } from 'dure/audit'
import { command, contract, event, query } from 'dure/contract'
import { database, sqlite } from 'dure/data'
import { embeddedBroker } from 'dure/messaging'
import { service, start, system, type Running, type Security } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { consoleDoor, type ConsoleOptions } from './console.ts'

const Order = z.object({ orderId: z.string(), note: z.string() })
const Placed = event('order.placed', { schema: Order, key: ({ orderId }) => orderId })

export const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'team-checkout',
  operations: {
    place: command({ input: Order, output: z.object({ left: z.int() }) }),
    count: query({ output: z.object({ orders: z.int() }) }),
  },
  events: [Placed],
})
const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'team-warehouse',
  operations: { reserve: query({ input: z.object({ orderId: z.string() }), output: z.object({ left: z.int() }) }) },
})
const Mail = contract('mail', { version: '1.0.0', owner: 'team-mail', operations: {} })

/** What mail cannot be told of. */
export const POISON = 'no such address <img src=x onerror=alert(1)>'

const tables = (text: string) => database<{ seen: { id: string } }>({ migrations: { '001': text } })

export type Shop = {
  readonly running: Running
  /** Of the console: `http://127.0.0.1:49152`. */
  readonly url: string
  /** The one that lets in now, with its token; the address alone where there is none. */
  readonly link: () => string
  readonly directory: string
  readonly place: (orderId: string, note?: string) => Promise<unknown>
  /** Resolves when everything that was placed is handled, or dead. */
  readonly settled: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export async function openShop(
  options: ConsoleOptions & { readonly directory?: string; readonly security?: Security } = {},
): Promise<Shop> {
  const { security = 'off', directory: given, ...consoleOptions } = options
  const directory = given ?? mkdtempSync(join(tmpdir(), 'dure-console-'))
  const trail = auditLog('shop.example/operators', { key: generateKeyPairSync('ed25519').privateKey })
  const orders = service(Orders, {
    needs: { stock: Stock },
    database: tables('CREATE TABLE seen (id TEXT)'),
    extensions: [trail],
    handlers: {
      place: async (order, { stock, database: own }) => {
        const { left } = await stock.reserve({ orderId: order.orderId })
        await own.transaction((tx) => tx.publish(Placed, order))
        return { left }
      },
      count: () => ({ orders: 1 }),
    },
  })
  const stock = service(Stock, { handlers: { reserve: () => ({ left: 3 }) } })
  const mail = service(Mail, {
    database: tables('CREATE TABLE seen (id TEXT)'),
    handlers: {},
    subscriptions: ({ on }) => [
      on(Placed, {
        retry: { attempts: 1 },
        handle: async ({ data }, { tx }) => {
          if (data.note === POISON) throw new Error(`Cannot send mail: ${data.note}`)
          await tx.insertInto('seen').values({ id: data.orderId }).execute()
        },
      }),
    ],
  })
  const durability = 'process'
  const shop = system('shop', {
    ...{ services: [orders, stock, mail], security, audit: trail },
    ...{ database: sqlite({ durability }), broker: embeddedBroker({ durability }) },
    doors: [consoleDoor({ port: 0, ...consoleOptions })],
    telemetry: { sampling: 1 },
  })
  const running = await start(shop, { directory, log: silentLogger() })
  const { url } = running.doors[0]!
  const link = join(directory, 'console.link')
  return {
    ...{ running, directory, url: url! },
    link: () => (existsSync(link) ? readFileSync(link, 'utf8').trim() : url!),
    place: (orderId, note = 'thank you') => running.client(Orders).place({ orderId, note }),
    settled: async () => {
      for (;;) {
        const { services } = await running.status()
        if (
          services.every(({ outbox, inHand }) => outbox === 0 && inHand === 0) &&
          (await running.lag()).consumers.every(({ unread = 0 }) => unread === 0)
        )
          return
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    [Symbol.asyncDispose]: async () => {
      await running.stop()
      if (given === undefined) rmSync(directory, { recursive: true, force: true, maxRetries: 20 })
    },
  }
}
