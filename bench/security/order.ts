import { contract, query } from 'dure/contract'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'

const Order = z.object({ id: z.string(), lines: z.array(z.object({ sku: z.string(), count: z.int().min(1) })) })
const Answer = z.object({ id: z.string(), pieces: z.int() })

/** One operation twice: for anybody, and for whoever has a scope and a role. */
export const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'bench',
  operations: {
    open: query({ input: Order, output: Answer }),
    secured: query({ input: Order, output: Answer, scope: 'orders:read', roles: ['buyer'] }),
  },
})

const count = ({ id, lines }: z.output<typeof Order>) => ({ id, pieces: lines.reduce((sum, line) => sum + line.count, 0) })

export const orders: System = system('bench', {
  services: [service(Orders, { handlers: { open: count, secured: count } })],
})

export const order: z.input<typeof Order> = {
  id: 'a1',
  lines: [
    { sku: 'pen', count: 2 },
    { sku: 'ink', count: 1 },
  ],
}
