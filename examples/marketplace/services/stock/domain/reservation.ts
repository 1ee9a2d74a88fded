import type { ProductStatus } from '../../values.ts'

/** What there is of one product. `available` counts what is reserved as well. */
export type Shelf = {
  readonly sellerId: number
  readonly productId: number
  readonly available: number
  readonly reserved: number
  readonly version: string
  readonly active: boolean
}

export type Wish = { readonly sellerId: number; readonly productId: number; readonly quantity: number; readonly version: string }

/**
 * Reserves what can be: a line is refused by itself, and the rest of the order goes on. A version that is not the
 * present one no longer exists, so nothing of it is there to be sold.
 */
export function reserve<W extends Wish>(
  shelves: readonly Shelf[],
  wishes: readonly W[],
): { readonly reserved: readonly W[]; readonly rejected: readonly ProductStatus[] } {
  const key = ({ sellerId, productId }: { sellerId: number; productId: number }): string => `${sellerId}/${productId}`
  const free = new Map(shelves.map((shelf) => [key(shelf), { shelf, left: shelf.available - shelf.reserved }]))
  const reserved: W[] = []
  const rejected: ProductStatus[] = []
  for (const wish of wishes) {
    const { sellerId, productId, quantity, version } = wish
    const found = free.get(key(wish))
    if (found === undefined || !found.shelf.active || found.shelf.version !== version) {
      rejected.push({ sellerId, productId, status: 'UNAVAILABLE' })
    } else if (quantity > found.left) {
      rejected.push({ sellerId, productId, status: 'OUT_OF_STOCK' })
    } else {
      found.left -= quantity
      reserved.push(wish)
    }
  }
  return { reserved, rejected }
}
