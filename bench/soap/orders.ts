import { command, contract } from 'dure/contract'
import { z } from 'zod'

const Line = z.object({ product: z.string(), pieces: z.int(), price: z.number() })
const NewOrder = z.object({ orderId: z.string(), customerId: z.int(), at: z.date(), lines: z.array(Line) })

export type Order = z.infer<typeof NewOrder>

export const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'bench',
  operations: { place: command({ input: NewOrder, output: z.object({ orderId: z.string(), total: z.number() }) }) },
})

export function totalOf({ lines }: { readonly lines: readonly { readonly pieces: number; readonly price: number }[] }): number {
  return lines.reduce((sum, { pieces, price }) => sum + pieces * price, 0)
}

const lines = Array.from({ length: 8 }, (_, n) => `<item><product>p-${n}</product><pieces>2</pieces><price>1.5</price></item>`)

/** An order of eight lines. */
export const envelope = `<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><place xmlns="urn:dure:orders:1"><orderId>order-4711</orderId><customerId>17</customerId><at>2026-11-30T08:15:00Z</at><lines>${lines.join('')}</lines></place></soap:Body></soap:Envelope>`
