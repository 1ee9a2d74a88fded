/** A small contract behind every door there is, in one process: what is measured, and what answers the same over all of them. */
import { graphql } from '@dure/graphql'
import { grpc } from '@dure/grpc'
import { rest } from '@dure/rest'
import { soap } from '@dure/soap'
import { socket } from '@dure/socket'
import { thrift } from '@dure/thrift'
import { listenSocket } from 'dure/call/internal'
import { command, contract, error, event, query, type AnyContract } from 'dure/contract'
import { drawNumbers } from 'dure/contract/internal'
import { database } from 'dure/data'
import { realRuntime } from 'dure/runtime'
import { service, start, system, type Running, type Service } from 'dure/service'
import { silentLogger, type TelemetryOptions } from 'dure/telemetry'
import { z } from 'zod'

export const OUT_OF_STOCK = 'OUT_OF_STOCK'
const OutOfStock = error(OUT_OF_STOCK, { data: z.object({ left: z.int32() }) })
const Line = z.object({ productId: z.int32(), quantity: z.int32(), unitPrice: z.number() })
const NewOrder = z.object({ orderId: z.string(), customerId: z.int32(), lines: z.array(Line) })
const Receipt = z.object({ orderId: z.string(), total: z.number() })
export type Order = {
  readonly orderId: string
  readonly customerId: number
  readonly lines: readonly { readonly productId: number; readonly quantity: number; readonly unitPrice: number }[]
}
export type Receipt = { readonly orderId: string; readonly total: number }

/** Longer than any machine is busy; who wants less says so. */
const DEADLINE = 120_000
const operations = {
  place: command({
    input: NewOrder,
    output: Receipt,
    errors: { OutOfStock },
    http: 'POST /orders',
    idempotent: true,
    deadline: DEADLINE,
  }),
  // GraphQL has no schema without a query.
  ping: query({ output: z.boolean(), http: 'GET /ping' }),
}
const whole = { version: '1.0.0', owner: 'measure', operations } as const
const Placing = contract('orders', { ...whole, numbers: drawNumbers(contract('orders', whole)) })

/** Callers are told its shape by `Caller`. */
export const Orders: AnyContract = Placing

const Placed = event('order.placed', { schema: NewOrder, key: ({ orderId }) => orderId })
const Announcing = contract('desk', {
  version: '1.0.0',
  owner: 'measure',
  operations: { announce: command({ input: NewOrder, deadline: DEADLINE }) },
  events: [Placed],
})

export const Desk: AnyContract = Announcing

/** Three lines, as an order has. */
export const orderOf = (orderId: string, quantity: number = 2): Order => ({
  ...{ orderId, customerId: 7 },
  lines: [1, 2, 3].map((productId) => ({ productId, quantity, unitPrice: 9.5 })),
})

/** More pieces than there are, and an order that is never done. */
export const TOO_MANY = 100
export const NEVER = 'never'

function ordersService(): Service {
  return service(Placing, {
    handlers: {
      place: async ({ orderId, lines }, { signal }) => {
        if (lines.some(({ quantity }) => quantity >= TOO_MANY)) throw OutOfStock({ left: 2 })
        if (orderId === NEVER) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        return { orderId, total: lines.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0) }
      },
      ping: () => true,
    },
  })
}

/** An event goes from a transaction to whoever listens. */
function eventServices(arrived: (orderId: string) => void): readonly Service[] {
  const desk = service(Announcing, {
    database: database<{}>({ migrations: {} }),
    handlers: { announce: (order, { database }) => database.transaction((tx) => tx.publish(Placed, order)) },
  })
  const Reader = contract('reader', { version: '1.0.0', owner: 'measure', operations: { ping: query({ output: z.boolean() }) } })
  const reader = service(Reader, {
    database: database<{}>({ migrations: {} }),
    handlers: { ping: () => true },
    subscriptions: ({ on }) => [on(Placed, ({ data: { orderId } }) => arrived(orderId))],
  })
  return [desk, reader]
}

/** Where the doors are: ports of this machine, and paths behind them. */
export type Places = Readonly<
  Record<'remote' | 'rest' | 'graphql' | 'grpc' | 'soap' | 'thrift' | 'websocket' | 'tcp' | 'udp', number>
>

export type MeasuredShop = {
  readonly running: Running
  readonly places: Places
  /** Resolves when the event of this order has been reacted to. */
  readonly reaction: (orderId: string) => Promise<void>
  readonly stop: () => Promise<void>
}

export async function openShop(directory: string, telemetry: TelemetryOptions = {}): Promise<MeasuredShop> {
  const waiting = new Map<string, () => void>()
  const arrived = (orderId: string): void => {
    waiting.get(orderId)?.()
    waiting.delete(orderId)
  }
  const contracts = [Orders]
  const doors = [
    rest({ port: 0, contracts, pages: false, announce: false }),
    graphql({ port: 0, contracts }),
    grpc({ port: 0, contracts }),
    soap({ port: 0, contracts }),
    thrift({ port: 0, contracts }),
    socket({ port: 0, contracts, tcp: { port: 0 }, udp: { port: 0, operations: ['orders.place'] } }),
  ]
  const shop = system('measured', {
    ...{ services: [ordersService(), ...eventServices(arrived)], doors, security: 'off', telemetry },
  })
  const log = silentLogger()
  const running = await start(shop, { directory, log })
  const { transport } = running
  const listener = await listenSocket({
    ...{ address: { kind: 'tcp', host: '127.0.0.1', port: 0 }, transport, trusted: true, runtime: realRuntime(), log },
  })
  const [byHttp, byGraphql, byGrpc, bySoap, byThrift, sockets] = running.doors
  const [websocket, tcp, udp] = sockets!.addresses!.map(portOf)
  return {
    running,
    places: {
      ...{ remote: portOf(listener.address), rest: portIn(byHttp!.url), graphql: portIn(byGraphql!.url) },
      ...{ grpc: portIn(byGrpc!.url), soap: portIn(bySoap!.url), thrift: portIn(byThrift!.url) },
      ...{ websocket: websocket!, tcp: tcp!, udp: udp! },
    },
    reaction: (orderId) => new Promise((resolve) => void waiting.set(orderId, resolve)),
    stop: async () => {
      await listener.stop()
      await running.stop()
    },
  }
}

const portOf = (address: object): number => (address as { readonly port: number }).port
const portIn = (url: string | undefined): number => Number(new URL(url!.replace(/^\w+:/, 'http:')).port)
