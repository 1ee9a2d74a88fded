import type { Client } from 'dure/call'
import { CallError, type AnyContract } from 'dure/contract'
import { setTimeout as sleep } from 'node:timers/promises'
import { Audit } from '../services/audit/contract.ts'
import { Cart } from '../services/cart/contract.ts'
import { Customer } from '../services/customer/contract.ts'
import { Product } from '../services/product/contract.ts'
import { Seller } from '../services/seller/contract.ts'
import { Stock } from '../services/stock/contract.ts'
import { ImportError } from './errors.ts'

/** The services that imports speak to. */
export type ImportClients = {
  readonly product: Client<typeof Product>
  readonly stock: Client<typeof Stock>
  readonly seller: Client<typeof Seller>
  readonly customer: Client<typeof Customer>
  readonly cart: Client<typeof Cart>
  readonly audit: Client<typeof Audit>
}

/** The clients of a system that runs. */
export function importClients(host: { readonly client: <C extends AnyContract>(contract: C) => Client<C> }): ImportClients {
  return {
    product: host.client(Product),
    stock: host.client(Stock),
    seller: host.client(Seller),
    customer: host.client(Customer),
    cart: host.client(Cart),
    audit: host.client(Audit),
  }
}

/** Called as an import goes on: what is being imported, how much is done, and of how much. */
export type ImportProgress = (what: string, done: number, of: number) => void

const TRIES = 5
const PASSING = new Set(['RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED', 'ABORTED', 'UNAVAILABLE'])

/**
 * Repeats an idempotent call while its failure may pass.
 * @throws {ImportError} when the system cannot take it
 */
export async function insist<T>(what: string, call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call()
    } catch (cause) {
      if (!(cause instanceof CallError) || !PASSING.has(cause.code)) throw cause
      if (tries === TRIES) {
        const message = `Cannot import ${what}: the marketplace answered ${cause.code} (${cause.message}); import again to continue`
        throw new ImportError(message, { cause })
      }
      await sleep(100 * tries)
    }
  }
}

/** Groups of at most `size`, as they come. */
export async function* batches<T>(items: AsyncIterable<T> | Iterable<T>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = []
  for await (const item of items) {
    batch.push(item)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
