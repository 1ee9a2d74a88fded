import type { DoorHost } from 'dure/service'
import { Customer } from '../services/customer/contract.ts'
import { Product } from '../services/product/contract.ts'
import { Seller } from '../services/seller/contract.ts'
import { Stock } from '../services/stock/contract.ts'
import { generateCustomers, generateProducts, generateSellers, PRODUCTS_OF_SELLER, SUPPLY } from './generate.ts'

export type Seeding = { readonly products: number; readonly customers: number; readonly seed: number }

const BATCH = 500

/**
 * Fills a marketplace with generated sellers, products, stock and customers, through the services' contracts. What is
 * there already is left as it is, so that seeding that was cut short is simply done again.
 * @throws the signal's reason, when it aborts between two batches
 */
export async function seedData(
  host: Pick<DoorHost, 'client'>,
  { products, customers, seed }: Seeding,
  options: { progress: (done: number, of: number) => void; signal: AbortSignal },
): Promise<void> {
  const { progress, signal } = options
  const sellers = Math.ceil(products / PRODUCTS_OF_SELLER)
  const of = sellers + 2 * products + customers
  let done = 0
  const each = async <Item>(items: Iterable<Item>, put: (batch: Item[]) => Promise<unknown>): Promise<void> => {
    for (const batch of batches(items)) {
      signal.throwIfAborted()
      await put(batch)
      progress((done += batch.length), of)
    }
  }
  const [seller, product, stock, customer] = [
    host.client(Seller),
    host.client(Product),
    host.client(Stock),
    host.client(Customer),
  ]
  await each(generateSellers(seed, sellers), (items) => seller.putAll({ items }))
  await each(generateProducts(seed, products), (items) => product.addAll({ items }))
  await each(generateProducts(seed, products), (items) =>
    stock.putAll({ items: items.map(({ sellerId, productId }) => ({ sellerId, productId, qtyAvailable: SUPPLY })) }),
  )
  await each(generateCustomers(seed, customers), (items) => customer.putAll({ items }))
}

function* batches<Item>(items: Iterable<Item>): Generator<Item[]> {
  let batch: Item[] = []
  for (const item of items) {
    batch.push(item)
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
