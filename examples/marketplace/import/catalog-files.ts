import { join } from 'node:path'
import { readCsv } from './csv.ts'
import type { RejectReason } from './errors.ts'
import { fractionOf } from './hash.ts'
import type { Rejects } from './rejects.ts'

/** The three files of an Olist catalogue, by the names they have in its directory. */
export const CATALOG_FILES = {
  products: 'olist_products.csv',
  sellers: 'olist_sellers.csv',
  categories: 'olist_category_translation.csv',
} as const

export type CatalogSeller = {
  readonly id: number
  readonly original: string
  readonly zip: string
  readonly city: string
  readonly state: string
}

export type CatalogProduct = {
  readonly id: number
  readonly original: string
  /** In English where the translation knows it, else as the file has it. */
  readonly category: string
  readonly weight: number
  /** Major units with two decimals: Olist's product list has no prices, see `priceOf`. */
  readonly price: number
  readonly freight: number
}

/** Portuguese category names to English ones. */
export async function readCategories(directory: string, rejects: Rejects): Promise<ReadonlyMap<string, string>> {
  const file = join(directory, CATALOG_FILES.categories)
  const names = new Map<string, string>()
  const columns = ['product_category_name', 'product_category_name_english'] as const
  for await (const { line, cells } of readCsv({ file, columns, rejects })) {
    const { product_category_name: from, product_category_name_english: to } = cells
    if (from === '' || to === '')
      rejects.reject({ file, line, reason: 'EMPTY_CELL', detail: from === '' ? columns[0] : columns[1] })
    else if (names.has(from)) rejects.reject({ file, line, reason: 'DUPLICATE', detail: from })
    else names.set(from, to)
  }
  return names
}

/**
 * The sellers. A row's id is its place in the file, whatever becomes of the rows around it: a row that is mended and
 * imported again gets its own id and moves nobody else's.
 */
export async function* readSellers(directory: string, rejects: Rejects): AsyncGenerator<CatalogSeller> {
  const file = join(directory, CATALOG_FILES.sellers)
  const seen = new Set<string>()
  const columns = ['seller_id', 'seller_zip_code_prefix', 'seller_city', 'seller_state'] as const
  for await (const { line, cells } of readCsv({ file, columns, rejects })) {
    const { seller_id: original, seller_zip_code_prefix: zip, seller_city: city, seller_state: state } = cells
    const empty = columns.find((column) => cells[column] === '')
    const reject = (reason: RejectReason, detail: string): void => rejects.reject({ file, line, reason, detail })
    if (empty) reject('EMPTY_CELL', empty)
    else if (!/^\d{1,5}$/.test(zip)) reject('NOT_A_NUMBER', `seller_zip_code_prefix ${JSON.stringify(zip)}`)
    else if (seen.has(original)) reject('DUPLICATE', original)
    else {
      seen.add(original)
      // Spreadsheets drop leading zeros; a Brazilian prefix has five digits.
      yield { id: line - 1, original, zip: zip.padStart(5, '0'), city, state }
    }
  }
}

/** The products, with the id rule of the sellers. */
export async function* readProducts(options: {
  directory: string
  categories: ReadonlyMap<string, string>
  seed: number
  rejects: Rejects
}): AsyncGenerator<CatalogProduct> {
  const { directory, categories, seed, rejects } = options
  const file = join(directory, CATALOG_FILES.products)
  const seen = new Set<string>()
  const sizes = ['product_weight_g', 'product_length_cm', 'product_height_cm', 'product_width_cm'] as const
  const columns = ['product_id', 'product_category_name', ...sizes] as const
  for await (const { line, cells } of readCsv({ file, columns, rejects })) {
    const reject = (reason: RejectReason, detail: string): void => rejects.reject({ file, line, reason, detail })
    const original = cells.product_id
    const numbers = sizes.map((size) => (cells[size] === '' ? Number.NaN : Number(cells[size])))
    const empty = original === '' ? 'product_id' : sizes.find((size) => cells[size] === '')
    const wrong = sizes.find((_, i) => !Number.isFinite(numbers[i]))
    const outside = sizes.find((size, i) => numbers[i]! < (size === 'product_weight_g' ? 0 : 1) || numbers[i]! > 1_000_000)
    if (empty) reject('EMPTY_CELL', empty)
    else if (wrong) reject('NOT_A_NUMBER', `${wrong} ${JSON.stringify(cells[wrong])}`)
    else if (outside) reject('OUT_OF_RANGE', `${outside} ${cells[outside]}`)
    else if (seen.has(original)) reject('DUPLICATE', original)
    else {
      seen.add(original)
      const [weight = 0, length = 0, height = 0, width = 0] = numbers
      const portuguese = cells.product_category_name
      const category = categories.get(portuguese)
      if (portuguese === '') rejects.notice({ file, line, reason: 'NO_CATEGORY', detail: original })
      else if (category === undefined) rejects.notice({ file, line, reason: 'UNKNOWN_CATEGORY', detail: portuguese })
      const measures = { weight, volume: length * height * width }
      yield {
        id: line - 1,
        original,
        category: category ?? (portuguese === '' ? 'uncategorised' : portuguese),
        weight,
        price: priceOf(measures, fractionOf(seed, `${original}:price`)),
        freight: freightOf(measures, fractionOf(seed, `${original}:freight`)),
      }
    }
  }
}

/** Grams and cubic centimetres. */
type Measures = { readonly weight: number; readonly volume: number }

/**
 * A price for a thing of that size: 5.00 and 3.00 for each kilogram and 1.00 for each litre, times 0.5 to 1.5 by
 * chance, at most 999.99. The chance comes from the seed and the product's id, so an import always gives the same price.
 */
export function priceOf({ weight, volume }: Measures, fraction: number): number {
  return money((5 + weight * 0.003 + volume * 0.001) * (0.5 + fraction), 0.5, 999.99)
}

/** Freight: 1.00 and 0.50 a kilogram and 0.10 a litre, times 0.8 to 1.2 by chance, at most 99.99. */
export function freightOf({ weight, volume }: Measures, fraction: number): number {
  return money((1 + weight * 0.0005 + volume * 0.0001) * (0.8 + fraction * 0.4), 0, 99.99)
}

function money(value: number, least: number, most: number): number {
  return Math.round(Math.min(Math.max(value, least), most) * 100) / 100
}
