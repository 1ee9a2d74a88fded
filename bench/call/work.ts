/** The payload: an order of two lines. */
export const order = {
  orderId: 'order-4711',
  customerId: 42,
  lines: [
    { productId: 1, quantity: 2, unitPrice: 3.5 },
    { productId: 2, quantity: 1, unitPrice: 9 },
  ],
}
export type Order = typeof order

/** The work itself: the same function under every contender. */
export async function place(input: Order): Promise<{ orderId: string; total: number }> {
  let total = 0
  for (const { quantity, unitPrice } of input.lines) total += quantity * unitPrice
  return { orderId: input.orderId, total }
}

/** What a stream gives: so many placed orders. */
export async function* watch({ count }: { count: number }): AsyncGenerator<{ orderId: string; total: number }> {
  for (let n = 0; n < count; n++) yield { orderId: order.orderId, total: n }
}
