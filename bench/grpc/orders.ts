import { command, contract, stream } from 'dure/contract'
import { drawNumbers } from 'dure/contract/internal'
import { z } from 'zod'
import { order } from '../call/work.ts'

const Line = z.object({ productId: z.int32(), quantity: z.int32(), unitPrice: z.number() })
const Placed = z.object({ orderId: z.string(), total: z.number() })

const options = {
  version: '1.0.0',
  owner: 'bench',
  operations: {
    place: command({ input: z.object({ orderId: z.string(), customerId: z.int32(), lines: z.array(Line) }), output: Placed }),
    watch: stream({ input: z.object({ count: z.int32() }), output: Placed }),
  },
} as const

export const Orders = contract('orders', { ...options, numbers: drawNumbers(contract('orders', options)) })

/** Placed orders, as many as asked for; from 1, as protobufjs writes a total of zero, which needs no bytes. */
export async function* watch({ count }: { readonly count: number }): AsyncGenerator<z.infer<typeof Placed>> {
  for (let total = 1; total <= count; total++) yield { orderId: order.orderId, total }
}

/** What grpc-js and proto-loader make of the drawn document, as far as it is used; their types are not known where peers are not installed. */
export type Method = {
  readonly path: string
  readonly requestSerialize: (value: object) => Buffer
  readonly requestDeserialize: (bytes: Buffer) => never
  readonly responseSerialize: (value: object) => Buffer
}
export type Client = {
  place(order: object, answered: (error: Error | null, placed: { readonly total: number }) => void): void
  close(): void
}
export type Grpc = {
  loadPackageDefinition(definition: unknown): {
    readonly orders: {
      readonly v1: {
        readonly OrdersService: {
          new (address: string, credentials: unknown): Client
          readonly service: { readonly Place: Method; readonly Watch: Method }
        }
      }
    }
  }
  readonly credentials: { createInsecure(): unknown }
  readonly ServerCredentials: { createInsecure(): unknown }
  readonly Server: new () => {
    addService(service: object, handlers: object): void
    bindAsync(address: string, credentials: unknown, done: (error: Error | null, port: number) => void): void
  }
}
export type Loader = { loadSync(file: string): unknown }
