import { service, type Service } from 'dure/service'
import type { z } from 'zod'
import { partOf } from '../cursor.ts'
import { toCents, toMoney } from '../money.ts'
import { CatalogueChanged, Product, ProductExists, ProductNotFound, ProductUpdated, type ProductData } from './contract.ts'
import {
  addProducts,
  deleteProducts,
  findProduct,
  findProducts,
  listProducts,
  productTotals,
  replaceProduct,
  resetVersions,
  sellersProducts,
  setPrice,
  type ProductRow,
} from './store/products.ts'
import { productDatabase } from './store/tables.ts'

export const product: Service<typeof Product> = service(Product, {
  database: productDatabase,
  handlers: {
    add: (input, { database }) =>
      database.transaction(async (tx) => {
        const { sellerId, productId } = input
        const added = await addProducts(tx, [rowOf(input)])
        if (added.length === 0) throw ProductExists({ sellerId, productId })
        await tx.publish(CatalogueChanged, { change: 'added', ...input })
      }),

    addAll: ({ items }, { database }) =>
      database.transaction(async (tx) => {
        const added = await addProducts(tx, items.map(rowOf))
        const isNew = new Set(added.map((row) => `${row.seller_id}/${row.product_id}`))
        for (const item of items) {
          if (isNew.delete(`${item.sellerId}/${item.productId}`)) await tx.publish(CatalogueChanged, { change: 'added', ...item })
        }
        return { added: added.length }
      }),

    updatePrice: (input, { database }) =>
      database.transaction(async (tx) => {
        const { sellerId, productId, version, price } = input
        if (!(await setPrice(tx, sellerId, productId, version, toCents(price)))) throw ProductNotFound({ sellerId, productId })
        await tx.publish(CatalogueChanged, { change: 'price', ...input })
      }),

    replace: (input, { database }) =>
      database.transaction(async (tx) => {
        const { sellerId, productId } = input
        if (!(await replaceProduct(tx, rowOf(input)))) throw ProductNotFound({ sellerId, productId })
        await tx.publish(CatalogueChanged, { change: 'replaced', ...input })
        await tx.publish(ProductUpdated, input)
      }),

    ofSeller: async ({ sellerId }, { database }) => (await sellersProducts(database.read, sellerId)).map(viewOf),
    get: async ({ sellerId, productId }, { database }) => {
      const row = await findProduct(database.read, sellerId, productId)
      if (row === undefined) throw ProductNotFound({ sellerId, productId })
      return viewOf(row)
    },
    byKeys: async ({ keys }, { database }) => (await findProducts(database.read, keys)).map(viewOf),
    list: async (page, { database }) => {
      const rows = await listProducts(database.read, page)
      return partOf(rows.map(viewOf), page.limit, (each) => [each.sellerId, each.productId])
    },
    totals: (_input, { database }) => database.snapshot(productTotals),
    reset: (_input, { database }) => database.transaction(resetVersions),
    cleanup: (_input, { database }) => database.transaction(deleteProducts),
  },
})

type Data = z.output<typeof ProductData>

function rowOf({ sellerId, productId, freightValue, price, ...same }: Data): ProductRow {
  return { ...same, seller_id: sellerId, product_id: productId, price: toCents(price), freight_value: toCents(freightValue) }
}

function viewOf({ seller_id, product_id, freight_value, price, ...same }: ProductRow): Data {
  return { ...same, sellerId: seller_id, productId: product_id, price: toMoney(price), freightValue: toMoney(freight_value) }
}
