import type { EventData } from 'dure/contract'
import type { StoryRecord } from 'dure/story'
import type { LoadWorld } from '@dure/simulation'
import type { ReserveStock } from '../services/cart/contract.ts'
import { Product } from '../services/product/contract.ts'
import { Stock } from '../services/stock/contract.ts'

type Checkout = EventData<typeof ReserveStock>

/** What was on sale when a story began: the products that its checkouts name, and as many pieces of each as they want. */
export async function offerOf({ client }: LoadWorld, { messages }: StoryRecord): Promise<void> {
  const lines = messages.filter(({ type }) => type === 'stock.reserve').flatMap(({ data }) => (data as Checkout).items)
  const byProduct = [...Map.groupBy(lines, ({ sellerId, productId }) => `${sellerId} ${productId}`).values()]
  if (byProduct.length === 0) return
  const products = byProduct.map(([line]) => {
    const { sellerId, productId, productName: name, unitPrice: price, freightValue, version } = line!
    return { sellerId, productId, name, price, freightValue, version }
  })
  const pieces = byProduct.map((all) => {
    const { sellerId, productId, version } = all[0]!
    return { sellerId, productId, version, qtyAvailable: all.reduce((sum, { quantity }) => sum + quantity, 0) }
  })
  await client(Product).addAll({ items: products })
  await client(Stock).putAll({ items: pieces })
}
