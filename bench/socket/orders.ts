import { command, contract, stream } from 'dure/contract'
import { z } from 'zod'
import { order } from '../call/work.ts'

const Line = z.object({ productId: z.int(), quantity: z.int(), unitPrice: z.number() })
const Placed = z.object({ orderId: z.string(), total: z.number() })

export const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'bench',
  operations: {
    place: command({
      input: z.object({ orderId: z.string(), customerId: z.int(), lines: z.array(Line) }),
      output: Placed,
      idempotent: true,
    }),
    /** In a room with all who listen. */
    say: command({ input: z.string() }),
    listen: stream({ output: z.string(), deadline: 3_600_000 }),
  },
})

/** A call as clients say it; as a datagram each has a key, so that none is in the way of another. */
export const callText = (id: number, key?: string): string =>
  JSON.stringify({ type: 'call', id, call: 'orders.place', input: order, ...(key !== undefined && { key }) })
export const answerText = (id: number): string => `{"type":"answer","id":${id},"value":{"orderId":"${order.orderId}","total":16}}`
export const SAY = JSON.stringify({ type: 'call', id: 2, call: 'orders.say', input: 'Hello' })
export const LISTEN = JSON.stringify({ type: 'call', id: 1, call: 'orders.listen' })
export const HEARD = '{"type":"value","id":1,"value":"Hello"}'
