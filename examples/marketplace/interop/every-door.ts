/** The marketplace behind every door there is, each on a free port of this machine. */
import { graphql } from '@dure/graphql'
import { grpc } from '@dure/grpc'
import { rest } from '@dure/rest'
import { soap } from '@dure/soap'
import { socket } from '@dure/socket'
import { thrift } from '@dure/thrift'
import { start, type Door } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { Cart } from '../services/cart/contract.ts'
import { Product } from '../services/product/contract.ts'
import { marketplace } from '../system.ts'

export type EveryDoor = {
  readonly url: Readonly<Record<'rest' | 'graphql' | 'soap' | 'websocket', string>>
  /** `127.0.0.1:4711` */
  readonly host: Readonly<Record<'grpc' | 'thrift' | 'tcp' | 'udp', string>>
  /** How many carts there are. */
  readonly carts: () => Promise<number>
  readonly stop: () => Promise<void>
}

/** Over datagrams go questions, and what may be done twice. */
const udp = { port: 0, operations: ['product.get', 'cart.get', 'cart.add'] }

export function everyDoor(): readonly Door[] {
  return [
    ...[rest({ port: 0 }), graphql({ port: 0 }), grpc({ port: 0 }), soap({ port: 0 }), thrift({ port: 0 })],
    socket({ port: 0, tcp: { port: 0 }, udp }),
  ]
}

/** With one product, Rice. */
export async function openEveryDoor(directory: string): Promise<EveryDoor> {
  const provider = { charge: async () => ({ status: 'succeeded' as const }), forget: async () => undefined }
  const running = await start(marketplace({ provider, doors: everyDoor() }), { directory, log: silentLogger() })
  await running.client(Product).add({ sellerId: 1, productId: 1, name: 'Rice', price: 12.5, version: '1' })
  const [byHttp, byGraphql, byGrpc, bySoap, byThrift, sockets] = running.doors
  const [, tcp, datagrams] = sockets!.addresses!.map((address) => `127.0.0.1:${(address as { readonly port: number }).port}`)
  const hostOf = (url: string | undefined): string => url!.replace(/^\w+:\/\//, '')
  return {
    url: { rest: byHttp!.url!, graphql: byGraphql!.url!, soap: bySoap!.url!, websocket: sockets!.url! },
    host: { grpc: hostOf(byGrpc!.url), thrift: hostOf(byThrift!.url), tcp: tcp!, udp: datagrams! },
    carts: async () => (await running.client(Cart).totals()).carts,
    stop: () => running.stop(),
  }
}
