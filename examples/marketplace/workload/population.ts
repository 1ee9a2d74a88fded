import { Audit } from '../services/audit/contract.ts'
import { Customer } from '../services/customer/contract.ts'
import { Product } from '../services/product/contract.ts'
import { Shipment } from '../services/shipment/contract.ts'
import { Stock } from '../services/stock/contract.ts'
import type { OperationOutput } from 'dure/contract'
import { DoorError } from './door.ts'
import { productKey } from './facts.ts'
import { ask, eachItem, type Get } from './gather.ts'
import type { Shelves } from './session.ts'

/**
 * A product as the driver knows it: its own tracked replica, as in the benchmark's driver. Customers add items at the
 * price and version seen here, and it changes when the mark of an update arrives.
 */
export type TrackedProduct = {
  readonly seller: number
  readonly product: number
  readonly key: string
  readonly data: OperationOutput<typeof Product.operations.get>
  price: number
  version: string
  /** An update is under way: at most one at a time, so that each product's history is linear. */
  locked: boolean
}

export type Person = { readonly id: number; readonly data: OperationOutput<typeof Customer.operations.get> }

/** Who and what there is, as the marketplace says before a run. */
export type Population = {
  readonly products: readonly TrackedProduct[]
  readonly shelves: Shelves
  readonly customers: readonly Person[]
  /** Pieces ever supplied. */
  readonly supplied: number
  /** Packages delivered so far. */
  readonly delivered: number
  /** Position of the last mark. */
  readonly lastMark: number
}

/** @throws {DoorError} when the marketplace cannot be asked, or has nothing to sell or nobody to buy */
export async function learnPopulation(get: Get): Promise<Population> {
  const products: TrackedProduct[] = []
  const shelves = new Map<number, number[]>()
  await eachItem(get, '/products', Product.operations.list, (data) => {
    const { sellerId: seller, productId: product, price, version } = data
    const shelf = shelves.get(seller)
    if (shelf) shelf.push(products.length)
    else shelves.set(seller, [products.length])
    products.push({ seller, product, key: productKey(seller, product), data, price, version, locked: false })
  })
  const customers: Person[] = []
  await eachItem(get, '/customers', Customer.operations.list, (data) => void customers.push({ id: data.customerId, data }))
  if (products.length === 0) throw new DoorError('Cannot run a workload: there are no products; start with --products')
  if (customers.length === 0) throw new DoorError('Cannot run a workload: there are no customers; start with --customers')
  return {
    products,
    shelves: [...shelves].map(([seller, indexes]) => ({ seller, products: indexes })),
    customers,
    supplied: (await ask(get, '/stock/totals', Stock.operations.totals)).initial,
    delivered: (await ask(get, '/shipments/totals', Shipment.operations.totals)).delivered,
    lastMark: (await ask(get, '/marks/totals', Audit.operations.totals)).last,
  }
}
