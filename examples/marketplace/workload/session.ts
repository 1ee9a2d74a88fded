import type { Random } from 'dure/runtime'
import { drawFrom, type Distribution, type Draw } from './distribution.ts'

/** Who sells what: each seller's products, as indexes into the driver's list of products. */
export type Shelves = readonly { readonly seller: number; readonly products: readonly number[] }[]

/** What one customer is going to do: nothing in it depends on how the system answers. */
export type SessionPlan = {
  readonly items: readonly { readonly product: number; readonly quantity: number; readonly voucher: boolean }[]
  readonly checkout: boolean
  readonly payment: 'CREDIT_CARD' | 'DEBIT_CARD' | 'BOLETO'
  /** 1 to 10 for a credit card, else 0. */
  readonly installments: number
}

export type SessionOptions = {
  readonly sellers: Distribution
  readonly products: Distribution
  /** Per cent of sessions that end in a checkout. */
  readonly checkoutProbability: number
  /** Per cent of items with a voucher. */
  readonly voucherProbability: number
  /** No two items of one seller. */
  readonly uniqueSeller: boolean
}

export const MOST_ITEMS = 10
const MOST_QUANTITY = 10
const PAYMENTS = ['CREDIT_CARD', 'DEBIT_CARD', 'BOLETO'] as const

/** Plans sessions of 1 to 10 distinct items (fewer where there are not that many). One seed gives one sequence of plans. */
export function drawSessions(shelves: Shelves, options: SessionOptions, random: Random): () => SessionPlan {
  const product = drawProducts(shelves, options, random)
  const distinct = options.uniqueSeller ? shelves.length : shelves.reduce((sum, { products }) => sum + products.length, 0)
  const chance = (percent: number): boolean => random.number() * 100 < percent
  return () => {
    const wanted = Math.min(1 + random.integer(MOST_ITEMS), distinct)
    const items: { product: number; quantity: number; voucher: boolean }[] = []
    const taken = new Set<number>()
    // A steep skew may offer the same few things for ever: after enough tries the session is shorter.
    for (let tries = 0; items.length < wanted && tries < wanted * 50; tries++) {
      const drawn = product()
      const key = options.uniqueSeller ? drawn.seller : drawn.product
      if (taken.has(key)) continue
      taken.add(key)
      const quantity = 1 + random.integer(MOST_QUANTITY)
      items.push({ product: drawn.product, quantity, voucher: chance(options.voucherProbability) })
    }
    const payment = PAYMENTS[random.integer(PAYMENTS.length)]!
    const installments = payment === 'CREDIT_CARD' ? 1 + random.integer(10) : 0
    return { items, checkout: chance(options.checkoutProbability), payment, installments }
  }
}

/** Draws a seller, then one of the seller's products. */
export function drawProducts(
  shelves: Shelves,
  options: Pick<SessionOptions, 'sellers' | 'products'>,
  random: Random,
): () => { readonly seller: number; readonly product: number } {
  const filled = shelves.filter(({ products }) => products.length > 0)
  const seller = drawFrom(filled.length, options.sellers, random)
  const bySize = new Map<number, Draw>()
  return () => {
    const shelf = filled[seller()]!
    const size = shelf.products.length
    let draw = bySize.get(size)
    if (!draw) bySize.set(size, (draw = drawFrom(size, options.products, random)))
    return { seller: shelf.seller, product: shelf.products[draw()]! }
  }
}
