/** The marketplace as one graph in parts: a subgraph for each contract; customers and products are known to all by their keys. */
import { graphql, type Federation, type Links } from '@dure/graphql'
import type { AnyContract } from 'dure/contract'
import type { Door } from 'dure/service'
import { Customer } from '../services/customer/contract.ts'
import { Product } from '../services/product/contract.ts'

type CustomerKey = { readonly customerId: number }
type ProductKey = { readonly sellerId: number; readonly productId: number }

const customers = { contract: Customer, operation: 'byIds' }
const products = { contract: Product, operation: 'byKeys', input: (keys: readonly ProductKey[]) => ({ keys }) }

export const federation: Federation = {
  Customer: {
    ...{ ...customers, key: ['customerId'] },
    input: (keys: readonly CustomerKey[]) => ({ customerIds: keys.map(({ customerId }) => customerId) }),
  },
  Product: { ...products, key: ['sellerId', 'productId'] },
}

const customer: Links[string][string] = {
  ...customers,
  key: ({ customerId }: CustomerKey) => customerId,
  input: (customerIds: readonly number[]) => ({ customerIds }),
  keyOf: ({ customerId }: CustomerKey) => customerId,
}
const keyOf = ({ sellerId, productId }: ProductKey): ProductKey => ({ sellerId, productId })
const product: Links[string][string] = { ...products, key: keyOf, keyOf }

/** What leads to a customer or a product, by contract. */
export const links: Readonly<Record<string, Links>> = {
  cart: { CartGetOutput: { customer }, CartGetOutputItemsItem: { product } },
  order: { OrderOfCustomerOutputItem: { customer }, OrderOfCustomerOutputItemItemsItem: { product } },
}

export const subgraphs = (contracts: readonly AnyContract[]): readonly Door[] =>
  contracts.map((one) => graphql({ name: one.name, port: 0, contracts: [one], links: links[one.name] ?? {}, federation }))
