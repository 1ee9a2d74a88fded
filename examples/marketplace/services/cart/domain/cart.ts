import type { ProductStatus } from '../../values.ts'

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

/** A line beside the product as the carts see it; undefined when no such product has been announced yet. */
export type SeenLine = { readonly line: Line; readonly seen: { readonly price: number; readonly version: string } | undefined }

/** More lines than anybody buys at once, and few enough to be reserved and ordered in one transaction. */
export const MOST_LINES = 100

/**
 * What of a cart can be ordered. A line is left out when it names another price than the product has in the same
 * version. A line of another version goes on: whether that version exists is for the stock to say.
 */
export function settle(lines: readonly SeenLine[]): {
  readonly kept: readonly Line[]
  readonly dropped: readonly ProductStatus[]
} {
  const diverges = ({ line, seen }: SeenLine): boolean => seen?.version === line.version && seen.price !== line.unitPrice
  return {
    kept: lines.filter((each) => !diverges(each)).map(({ line }) => line),
    dropped: lines
      .filter(diverges)
      .map(({ line: { sellerId, productId } }) => ({ sellerId, productId, status: 'PRICE_DIVERGENCE' })),
  }
}
