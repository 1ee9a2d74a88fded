/** What is published, as API management says it: looked at again at most each second, and indexed again where it has changed. */
import type { ContractDescription } from 'dure/contract'
import type { Clock } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { ApisClient, Described, Product } from './asked.ts'
import { entriesOf, publishedIn } from './published.ts'
import { openSearch, type Entry, type Hit } from './search.ts'

export type Catalogue = {
  /** @throws {CallError} when API management does not answer */
  readonly products: () => Promise<readonly Product[]>
  /** @throws {CallError} NOT_FOUND, FAILED_PRECONDITION when its contract cannot be read */
  readonly described: (
    product: string,
    line?: string,
  ) => Promise<{ readonly version: Described; readonly contract: ContractDescription }>
  /** @throws {CallError} when API management does not answer */
  readonly find: (query: string) => Promise<readonly Hit[]>
  readonly close: () => void
}

/** Milliseconds for which what was read is shown as it is. */
const FRESH = 1_000
export const MOST_HITS = 50

type CatalogueWorld = { readonly apis: ApisClient; readonly clock: Clock; readonly log: Logger }

export function openCatalogue({ apis, clock, log }: CatalogueWorld): Catalogue {
  const search = openSearch()
  /** By product: what the index was made of. */
  const indexed = new Map<string, string>()
  /** What contracts say of themselves, for products that say nothing. */
  const told = new Map<string, string | undefined>()
  let known: readonly Product[] = []
  let until = -Infinity
  let reading: Promise<void> | undefined
  let closed = false

  async function read(): Promise<void> {
    const products = await apis.products()
    const names = new Set(products.map(({ name }) => name))
    for (const name of indexed.keys())
      if (!names.has(name)) {
        search.drop(name)
        indexed.delete(name)
        told.delete(name)
      }
    for (const product of products) {
      const mark = JSON.stringify([
        product.owner,
        product.summary,
        product.versions.map(({ version, published }) => [version, published]),
      ])
      if (indexed.get(product.name) === mark) continue
      const entries = await entriesFor(product)
      if (closed) return
      if (!search.put(product.name, entries))
        log.warn('Cannot find all of a product by search: the index is full', { product: product.name })
      indexed.set(product.name, mark)
    }
    known = products.map((product) => {
      const summary = product.summary ?? told.get(product.name)
      return summary === undefined ? product : { ...product, summary }
    })
    until = clock.monotonic() + FRESH
  }

  /** What cannot be read is found by its name still. */
  async function entriesFor(product: Product): Promise<readonly Entry[]> {
    const version = await apis.described({ product: product.name })
    try {
      const contract = publishedIn(version, product.name)
      told.set(product.name, contract.description)
      return entriesOf(product, contract)
    } catch (error) {
      log.warn('Cannot find a product by what is in its contract', { product: product.name, error })
      return entriesOf(product, undefined)
    }
  }

  async function refresh(): Promise<void> {
    if (clock.monotonic() < until) return
    await (reading ??= read().finally(() => (reading = undefined)))
  }

  return {
    products: async () => {
      await refresh()
      return known
    },
    described: async (product, line) => {
      const version = await apis.described({ product, ...(line !== undefined && { line }) })
      return { version, contract: publishedIn(version, product) }
    },
    find: async (query) => {
      await refresh()
      return search.find(query, MOST_HITS)
    },
    close: () => {
      closed = true
      search.close()
    },
  }
}
