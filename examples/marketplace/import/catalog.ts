import { join } from 'node:path'
import type { Logger } from 'dure/telemetry'
import { CATALOG_FILES, readCategories, readProducts, readSellers, type CatalogProduct } from './catalog-files.ts'
import { batches, insist, type ImportClients, type ImportProgress } from './clients.ts'
import { ImportError } from './errors.ts'
import { readLines } from './lines.ts'
import { collectRejects, type RejectSummary } from './rejects.ts'

/** Imported ids begin here, so that they never meet generated ones. */
export const CATALOG_IDS = 1_000_000
/** Pieces of each imported product. */
const SUPPLY = 10_000
const BATCH = 500

export type CatalogOptions = {
  /** Holds the three files of `CATALOG_FILES`. */
  readonly directory: string
  readonly clients: Pick<ImportClients, 'product' | 'stock' | 'seller'>
  readonly log: Logger
  readonly progress?: ImportProgress
  /** Draws the prices, which the files lack. Default 1. */
  readonly seed?: number
  /** Every rejected row is appended to this file. */
  readonly rejectsFile?: string
  readonly signal?: AbortSignal
}

export type CatalogReport = {
  /** Good rows, and how many of them were new: an import that is repeated adds nothing. */
  readonly sellers: { readonly read: number; readonly added: number }
  readonly products: { readonly read: number; readonly added: number }
  readonly rejects: RejectSummary
}

/**
 * Imports a catalogue: its sellers, its products with a price made up from size, weight and seed (`priceOf`), and
 * stock for each. What is there already is left as it is, so an import that was cut short is simply done again.
 *
 * Seller and product ids are 1,000,000 plus the row's place in its file; the original id is the product's sku and the
 * seller's company name. Products are dealt out to the sellers in turn.
 * @throws {ImportError} when a file is missing or of another kind, or no seller is left
 */
export async function importCatalog(options: CatalogOptions): Promise<CatalogReport> {
  const { directory, clients, log, progress = () => {}, seed = 1, rejectsFile: path, signal } = options
  const rejects = collectRejects({ path })
  const of = (await countRows(directory, 'sellers')) + (await countRows(directory, 'products'))
  const sellers = { read: 0, added: 0 }
  const products = { read: 0, added: 0 }
  try {
    const categories = await readCategories(directory, rejects)
    const ids: number[] = []
    for await (const batch of batches(readSellers(directory, rejects), BATCH)) {
      signal?.throwIfAborted()
      const items = batch.map(({ id, original, zip, city, state }) => {
        ids.push(id)
        const name = `Seller ${original.slice(0, 8)}`
        return { sellerId: CATALOG_IDS + id, name, companyName: original, city, state, zipCode: zip }
      })
      sellers.read += items.length
      sellers.added += (await insist('sellers', () => clients.seller.putAll({ items }))).added
      progress('catalogue', sellers.read, of)
    }
    if (ids.length === 0) {
      throw new ImportError(
        `Cannot import "${join(directory, CATALOG_FILES.sellers)}": no good row is in it, and products need a seller`,
      )
    }
    const sellerOf = dealer(ids)
    for await (const batch of batches(readProducts({ directory, categories, seed, rejects }), BATCH)) {
      signal?.throwIfAborted()
      const items = batch.map((product) => productOf(product, CATALOG_IDS + sellerOf(product.id)))
      products.read += items.length
      // Stock of a product that was there before is added as well: an import may have been cut short between the two.
      const [{ added }] = await Promise.all([
        insist('products', () => clients.product.addAll({ items })),
        insist('stock', () => clients.stock.putAll({ items: items.map(stockOf) })),
      ])
      products.added += added
      progress('catalogue', sellers.read + products.read, of)
    }
  } finally {
    rejects.flush()
  }
  const summary = rejects.summary()
  log.info('Catalogue imported', { directory, sellers, products, rejected: summary.rejected, noticed: summary.noticed })
  return { sellers, products, rejects: summary }
}

/**
 * Deals products out to sellers in turn, by row. A seller whose row was bad is passed over for the next one, so
 * that mending it moves those products only.
 */
export function dealer(ids: readonly number[]): (product: number) => number {
  const good = new Set(ids)
  const last = ids.at(-1)!
  return (product) => {
    let place = (product - 1) % last
    while (!good.has(place + 1)) place = (place + 1) % last
    return place + 1
  }
}

type ProductInput = Parameters<ImportClients['product']['addAll']>[0]['items'][number]

function productOf({ id, original, category, weight, price, freight }: CatalogProduct, sellerId: number): ProductInput {
  const name = `${category.replaceAll('_', ' ')} ${original.slice(0, 8)}`
  const description = `${name}, ${weight} g`
  return { sellerId, productId: CATALOG_IDS + id, name, sku: original, category, description, price, freightValue: freight }
}

function stockOf({ sellerId, productId, sku }: ProductInput): {
  sellerId: number
  productId: number
  qtyAvailable: number
  data: string
} {
  return { sellerId, productId, qtyAvailable: SUPPLY, data: sku ?? '' }
}

/** About how many rows a file has: enough for a progress bar. */
async function countRows(directory: string, name: keyof typeof CATALOG_FILES): Promise<number> {
  let lines = 0
  for await (const _ of readLines(join(directory, CATALOG_FILES[name]))) lines++
  return Math.max(0, lines - 1)
}
