/** One call in every style, each by its own client over a real socket. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { createInterface } from 'node:readline'
import { graphqlDocument } from '@dure/graphql'
import { grpcHandlers } from '@dure/grpc'
import { httpPeers } from '@dure/rest/internal'
import { soapHandlers } from '@dure/soap'
import { connect } from '@dure/socket/client'
import { thriftPeers } from '@dure/thrift/internal'
import type { CallOptions } from 'dure/call'
import { clientFactory, socketPeers, type ConnectPeer } from 'dure/call/internal'
import { CallError, DeclaredError, type AnyContract } from 'dure/contract'
import { realRuntime } from 'dure/runtime'
import { inTime } from 'dure/runtime/internal'
import { service, start, system, type Handlers } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import type { StyleName } from '../styles.ts'
import { Desk, Orders, OUT_OF_STOCK, type MeasuredShop, type Order, type Places, type Receipt } from './shop.ts'

export type Caller = {
  /** @throws {DeclaredError} OUT_OF_STOCK, {CallError} with a canonical code; only events answer nothing. */
  readonly place: (order: Order, options?: Pick<CallOptions, 'timeout' | 'traceparent'>) => Promise<Receipt | void>
  readonly stop: () => void | Promise<void>
}

type World = { readonly shop: MeasuredShop; readonly places: Places /** A fresh folder. */; readonly directory: () => string }
type Open = (world: World) => Caller | Promise<Caller>

/** Styles that are not here are not measured: nobody waits for a mail. */
export const CALLERS: Readonly<Partial<Record<StyleName, Open>>> = {
  local: ({ shop }) => ({ place: placeOf(shop.running.client(Orders)), stop: () => {} }),
  remote: ({ places }) => asPeer(socketPeers({ ...LOCAL }), places.remote),
  rest: ({ places }) => asPeer(httpPeers({ contracts: [Orders], ...LOCAL }), places.rest),
  thrift: ({ places }) => asPeer(thriftPeers({ contracts: [Orders], ...LOCAL }), places.thrift),
  grpc: (world) => translated(world, grpcHandlers(Orders, { address: `127.0.0.1:${world.places.grpc}` })),
  soap: (world) => translated(world, soapHandlers(Orders, { address: `${at(world.places.soap)}/soap/orders` })),
  graphql: ({ places }) => ({ place: (order, options) => overGraphql(places.graphql, order, options), stop: () => {} }),
  websocket: ({ places }) => {
    const { client, close } = connect({ url: `ws://127.0.0.1:${places.websocket}/socket`, contract: Orders })
    return { place: placeOf(client), stop: close }
  },
  tcp: ({ places }) => overTcp(places.tcp),
  udp: ({ places }) => overUdp(places.udp),
  events: ({ shop }) => {
    const { announce } = shop.running.client(Desk) as unknown as { readonly announce: (order: Order) => Promise<void> }
    const place = async (order: Order): Promise<void> => {
      const reacted = shop.reaction(order.orderId)
      await announce(order)
      await reacted
    }
    return { place, stop: () => {} }
  },
}

const LOCAL = { runtime: realRuntime(), log: silentLogger() }
const at = (port: number): string => `http://127.0.0.1:${port}`

const placeOf = (client: unknown): Caller['place'] => (client as { readonly place: Caller['place'] }).place

/** As services of a system ask each other, through what leads to one place. */
function asPeer(connect: ConnectPeer, port: number): Caller {
  const peer = connect({ kind: 'tcp', host: '127.0.0.1', port })
  const make = clientFactory({ contract: Orders, transport: peer, runtime: LOCAL.runtime })
  const client = make({ service: undefined, principal: undefined })
  return { place: placeOf(client), stop: () => peer.stop() }
}

/** A system whose orders are those of the shop, by handlers that ask it. */
async function translated({ directory }: World, handlers: Handlers<AnyContract, {}, undefined>): Promise<Caller> {
  const front = system('front', { services: [service(Orders, { handlers })], security: 'off' })
  const running = await start(front, { directory: directory(), log: LOCAL.log })
  return { place: placeOf(running.client(Orders)), stop: () => running.stop() }
}

const FIELDS = /ordersPlace\(([^)]*)\)/.exec(graphqlDocument([Orders]))![1]!
const VARIABLES = FIELDS.replaceAll(/(\w+):/g, '$$$1:')
const ARGUMENTS = FIELDS.replaceAll(/(\w+):[^,]*/g, '$1: $$$1')
const MUTATION = `mutation (${VARIABLES}) { ordersPlace(${ARGUMENTS}) { orderId total } }`

async function overGraphql(port: number, order: Order, { timeout, traceparent }: CallOptions = {}): Promise<Receipt> {
  const response = await fetch(`${at(port)}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headersOf(timeout, traceparent) },
    body: JSON.stringify({ query: MUTATION, variables: order }),
  })
  const { data, errors } = (await response.json()) as {
    readonly data?: { readonly ordersPlace: Receipt }
    readonly errors?: readonly { readonly message: string; readonly extensions: Refusal }[]
  }
  if (errors !== undefined) throw refused({ ...errors[0]!.extensions, message: errors[0]!.message })
  return data!.ordersPlace
}

function headersOf(timeout: number | undefined, traceparent: string | undefined): Record<string, string> {
  return {
    ...(timeout !== undefined && { 'request-timeout': String(timeout / 1_000) }),
    ...(traceparent !== undefined && { traceparent }),
  }
}

/** Canonical codes are said as a status, or are the code. */
type Refusal = { readonly code: string; readonly status?: string; readonly data?: unknown }

function refused({ code, status, data, message }: Refusal & { readonly message: string }): Error {
  if (code === OUT_OF_STOCK) return new DeclaredError({ code, status: status as never, message, data })
  return new CallError((status ?? code) as never, message)
}

type Answer = {
  readonly type: string
  readonly id: number
  readonly value: Receipt
  readonly error: Refusal & { readonly message: string }
}

/** Messages with numbers, over whatever carries text. */
function numbered(send: (message: object) => void): { readonly place: Caller['place']; readonly came: (text: string) => void } {
  const waiting = new Map<number, { readonly resolve: (value: Receipt) => void; readonly reject: (error: Error) => void }>()
  let last = 0
  return {
    came: (text) => {
      const { id, type, value, error } = JSON.parse(text) as Answer
      const caller = waiting.get(id)
      waiting.delete(id)
      if (type === 'error') caller?.reject(refused(error))
      else caller?.resolve(value)
    },
    place: (input, { timeout, traceparent } = {}) => {
      const { promise, resolve, reject } = Promise.withResolvers<Receipt>()
      const id = ++last
      waiting.set(id, { resolve, reject })
      send({ type: 'call', id, call: 'orders.place', input, headers: headersOf(timeout, traceparent) })
      return promise
    },
  }
}

async function overTcp(port: number): Promise<Caller> {
  const socket = connectTcp({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const { place, came } = numbered((message) => void socket.write(`${JSON.stringify(message)}\n`))
  createInterface(socket).on('line', came)
  return { place, stop: () => void socket.destroy() }
}

/** Keys of a sender that its door remembers are few, so they are used again. */
const UDP_KEYS = 32
/** Milliseconds after which an answer is taken for lost. */
const LOST = 30_000

async function overUdp(port: number): Promise<Caller> {
  const socket = createSocket('udp4')
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  // Of one key only the newest counts: calls at the same time have keys of their own.
  const keys = Array.from({ length: UDP_KEYS }, (_, key) => String(key))
  const { place, came } = numbered((message) => socket.send(JSON.stringify({ ...message, key: keys[0] })))
  socket.on('message', (bytes) => came(bytes.toString()))
  return {
    place: async (order, options) => {
      const answer = place(order, options)
      const key = keys.shift()!
      const lost = (): never => {
        throw new CallError('UNAVAILABLE', 'A datagram was lost')
      }
      try {
        return await inTime(LOCAL.runtime.timers, LOST, answer, lost)
      } finally {
        keys.push(key)
      }
    },
    stop: () => void socket.close(),
  }
}
