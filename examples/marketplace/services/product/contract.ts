import { command, contract, error, event, query } from 'dure/contract'
import { z } from 'zod'
import { Added, Id, InstanceId, Money, Page, pageOf, ProductKey, Text, Version } from '../values.ts'
import numbers from './numbers.json' with { type: 'json' }

export const ProductNotFound = error('PRODUCT_NOT_FOUND', {
  data: ProductKey,
  status: 'NOT_FOUND',
  message: ({ sellerId, productId }) => `Seller ${sellerId} has no product ${productId}`,
})
export const ProductExists = error('PRODUCT_EXISTS', {
  data: ProductKey,
  status: 'ALREADY_EXISTS',
  message: ({ sellerId, productId }) => `Seller ${sellerId} has a product ${productId} already; replace it with PUT`,
})

export const ProductData = ProductKey.extend({
  name: Text.min(1),
  sku: Text.default(''),
  category: Text.default(''),
  description: z.string().max(2_000).default(''),
  price: Money,
  freightValue: Money.default(0),
  status: Text.default('approved'),
  /** Changes when the product is replaced: the old one then no longer exists. */
  version: Version.default('0'),
})

/** As it is answered: nothing of it is left out. */
const ProductView = ProductData.meta({ id: 'Product' })

const PriceUpdate = ProductKey.extend({ price: Money, version: Version, instanceId: InstanceId })

/**
 * PriceUpdated and ProductUpdated as carts need them: in one stream, in the order a seller made them. On two topics a
 * later change could be seen before an earlier one.
 */
export const CatalogueChanged = event('catalogue.changed', {
  schema: z.discriminatedUnion('change', [
    z.object({ change: z.literal('added'), ...ProductData.shape }),
    z.object({ change: z.literal('price'), ...PriceUpdate.shape }),
    z.object({ change: z.literal('replaced'), ...ProductData.shape }),
  ]),
  key: ({ sellerId }) => sellerId,
})
/** A product was replaced: its old version no longer exists. */
export const ProductUpdated = event('product.updated', {
  schema: ProductData,
  key: ({ sellerId }) => sellerId,
})

export const Product = contract('product', {
  numbers,
  version: '1.0.0',
  owner: 'team-catalogue',
  description: 'What sellers offer, and for how much',
  operations: {
    add: command({ input: ProductData, errors: { ProductExists }, http: { routes: 'POST /product', status: 201 } }),
    addAll: command({
      input: z.object({ items: z.array(ProductData).min(1).max(1_000) }),
      output: Added,
      idempotent: true,
      http: { routes: ['POST /product/batch', 'POST /products'], status: 201 },
    }),
    // Not idempotent, though the product ends up the same: each of them is announced, and once more is one event more.
    updatePrice: command({
      input: PriceUpdate,
      errors: { ProductNotFound },
      http: { routes: 'PATCH /product', status: 202 },
      description: 'Sets the price if the version is the present one; the carts are told in any case',
    }),
    replace: command({
      input: ProductData.extend({ version: Version }),
      errors: { ProductNotFound },
      http: { routes: 'PUT /product', status: 202 },
      description: 'Puts a new version in place of the product; the version is also the name of the transaction',
    }),
    ofSeller: query({ input: z.object({ sellerId: Id }), output: z.array(ProductView), http: 'GET /product/{sellerId}' }),
    get: query({
      input: ProductKey,
      output: ProductView,
      errors: { ProductNotFound },
      http: 'GET /product/{sellerId}/{productId}',
    }),
    byKeys: query({
      input: z.object({ keys: z.array(ProductKey).min(1).max(500) }),
      output: z.array(ProductView),
      description: 'Those of these products that there are, in no order',
    }),
    list: query({ input: Page, output: pageOf(ProductView), http: 'GET /products', policy: { priority: 'low' } }),
    totals: query({ output: z.object({ products: z.int(), sellers: z.int() }), http: 'GET /products/totals' }),
    reset: command({
      idempotent: true,
      http: 'PATCH /product/reset',
      description: 'Keeps the products; their versions start again at "0"',
    }),
    cleanup: command({ idempotent: true, http: 'PATCH /product/cleanup', description: 'Deletes everything' }),
  },
  events: [CatalogueChanged, ProductUpdated],
})
