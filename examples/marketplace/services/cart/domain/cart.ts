import type { ProductStatus } from '../../values.ts'
import { CartFull, InvalidQuantity } from '../contract.ts'

/** A line of a cart. Money is whole cents; `voucher` is an amount off the whole line. */
export type Line = {
  readonly sellerId: number
  readonly productId: number
  readonly productName: string
  readonly unitPrice: number
  readonly freightValue: number
  readonly quantity: number
  readonly voucher: number
  readonly version: string
}

/** Lines in order of seller and product. */
export type Cart = { readonly lines: readonly Line[] }
export const EMPTY: Cart = { lines: [] }

/** What its customer does to a cart, or a new price. */
export type Change =
  | { readonly kind: 'put'; readonly line: Line }
  | {
      readonly kind: 'reprice'
      readonly sellerId: number
      readonly productId: number
      readonly version: string
      readonly price: number
    }
  | { readonly kind: 'empty' }
export type Command = Change & { readonly customerId: number }

/** Lines that were sent to be ordered, and those that were left out. */
export type Checkout = {
  readonly customerId: number
  readonly tid: string
  readonly checkoutId: string
  readonly items: readonly Line[]
  readonly dropped: readonly ProductStatus[]
}

/** What happens to a cart. */
export type Happened =
  /** In place of a line for the same product. */
  | { readonly type: 'cart.line-put'; readonly data: { readonly customerId: number; readonly line: Line } }
  | {
      readonly type: 'cart.repriced'
      readonly data: { readonly customerId: number } & Pick<Line, 'sellerId' | 'productId' | 'unitPrice' | 'voucher'>
    }
  | { readonly type: 'cart.checked-out'; readonly data: Checkout }
  /** Given up without an order. */
  | { readonly type: 'cart.emptied'; readonly data: { readonly customerId: number } }

/** More lines than anybody buys at once, and few enough to be reserved and ordered in one transaction. */
export const MOST_LINES = 100

export function decide(command: Command, { lines }: Cart): readonly Happened[] {
  const { customerId, kind } = command
  switch (kind) {
    case 'put': {
      const { line } = command
      if (line.quantity < 1) throw InvalidQuantity({ quantity: line.quantity })
      if (lines.length >= MOST_LINES && !lines.some(sameProduct(line))) throw CartFull({ customerId, most: MOST_LINES })
      return [{ type: 'cart.line-put', data: { customerId, line } }]
    }
    case 'reprice':
      return lines.filter(sameProduct(command)).flatMap((line) => repriced(customerId, line, command))
    case 'empty':
      return lines.length === 0 ? [] : [{ type: 'cart.emptied', data: { customerId } }]
  }
}

export function evolve({ lines }: Cart, { type, data }: Happened): Cart {
  switch (type) {
    case 'cart.line-put':
      return { lines: [...lines.filter((line) => !sameProduct(data.line)(line)), data.line].toSorted(byProduct) }
    case 'cart.repriced': {
      const { unitPrice, voucher } = data
      return { lines: lines.map((line) => (sameProduct(data)(line) ? { ...line, unitPrice, voucher } : line)) }
    }
    case 'cart.checked-out':
    case 'cart.emptied':
      return EMPTY
  }
}

type Product = Pick<Line, 'sellerId' | 'productId'>

const sameProduct =
  (one: Product) =>
  (other: Product): boolean =>
    one.sellerId === other.sellerId && one.productId === other.productId

const byProduct = (one: Product, other: Product): number => one.sellerId - other.sellerId || one.productId - other.productId

/** For the version that the price was made for and no other. A customer keeps a lower price as a voucher for the difference on every piece. */
function repriced(customerId: number, line: Line, change: Change & { kind: 'reprice' }): Happened[] {
  const { sellerId, productId, unitPrice, quantity, version } = line
  const { price } = change
  if (version !== change.version || unitPrice === price) return []
  const voucher = line.voucher + Math.max(0, price - unitPrice) * quantity
  return [{ type: 'cart.repriced', data: { customerId, sellerId, productId, unitPrice: price, voucher } }]
}

/** The products as the carts see them, by seller and product; not there is what has not been announced yet. */
export type Seen = ReadonlyMap<string, { readonly price: number; readonly version: string }>

export const productOf = ({ sellerId, productId }: Product): string => `${sellerId}/${productId}`

/**
 * What of a cart can be ordered. A line is left out when it names another price than the product has in the same
 * version. A line of another version goes on: whether that version exists is for the stock to say.
 */
export function settle(lines: readonly Line[], products: Seen): Pick<Checkout, 'items' | 'dropped'> {
  const diverges = (line: Line): boolean => {
    const seen = products.get(productOf(line))
    return seen?.version === line.version && seen.price !== line.unitPrice
  }
  return {
    items: lines.filter((line) => !diverges(line)),
    dropped: lines.filter(diverges).map(({ sellerId, productId }) => ({ sellerId, productId, status: 'PRICE_DIVERGENCE' })),
  }
}
