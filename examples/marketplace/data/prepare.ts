import type { DoorHost } from 'dure/service'
import type { MarketplaceFlags } from '../flags.ts'
import { Customer } from '../services/customer/contract.ts'
import { Product } from '../services/product/contract.ts'
import { showProgress } from '../workload/progress.ts'
import { readRecord, writeRecord } from './record.ts'
import { seedData } from './seed.ts'

/**
 * Sees to the data before the marketplace is called ready. Data that are there are continued with; generation that was
 * cut short is finished, by the numbers it was begun with.
 */
export async function prepareData(options: {
  host: Pick<DoorHost, 'client' | 'status'>
  flags: Pick<MarketplaceFlags, 'products' | 'customers' | 'seed' | 'catalog' | 'invoices'>
  directory: string
  say: (text: string) => void
  signal: AbortSignal
}): Promise<void> {
  const { host, flags, directory, say, signal } = options
  const record = await readRecord(directory)
  if (record?.done === true) return
  const products = (await host.client(Product).totals()).products
  const customers = (await host.client(Customer).totals()).customers
  // Somebody brought data of their own.
  if (record === undefined && (products > 0 || customers > 0)) return
  const seeding = record ?? { products: flags.products, customers: flags.customers, seed: flags.seed }
  await writeRecord(directory, { ...seeding, done: false })
  let line = 'Generating data'
  const progress = showProgress({ terminal: process.stderr, line: () => line })
  try {
    const shown = (done: number, of: number): void => void (line = `Generating data: ${Math.floor((100 * done) / of)}%`)
    await seedData(host, seeding, { progress: shown, signal })
  } catch (error) {
    if (signal.aborted) return
    throw error
  } finally {
    progress.stop()
  }
  await writeRecord(directory, { ...seeding, done: true })
  say(
    `Generated ${seeding.products.toLocaleString('en')} products and ${seeding.customers.toLocaleString('en')} customers from seed ${seeding.seed}`,
  )
}
