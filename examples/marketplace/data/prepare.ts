import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DoorHost } from 'dure/service'
import type { Logger } from 'dure/telemetry'
import type { MarketplaceFlags } from '../flags.ts'
import { importCatalog } from '../import/catalog.ts'
import { importClients } from '../import/clients.ts'
import { replayInvoices } from '../import/invoices.ts'
import { showImport } from '../import/progress.ts'
import { describeCatalog, describeInvoices } from '../import/report.ts'
import { Customer } from '../services/customer/contract.ts'
import { Product } from '../services/product/contract.ts'
import { readRecord, writeRecord } from './record.ts'
import { seedData } from './seed.ts'

export type Preparing = {
  readonly host: Pick<DoorHost, 'client'>
  readonly flags: Pick<MarketplaceFlags, 'products' | 'customers' | 'seed' | 'catalog' | 'invoices'>
  /** Where what was done is noted. */
  readonly directory: string
  readonly say: (text: string) => void
  readonly log: Logger
  /** Ends it between two batches; what is left is done at the next start. */
  readonly signal: AbortSignal
}

/** Sees to the data before the marketplace is called ready: generates them where there are none, and imports files. */
export async function prepareData(options: Preparing): Promise<void> {
  try {
    await generate(options)
    await bringIn(options)
  } catch (error) {
    if (!options.signal.aborted) throw error
  }
}

/** Data that are there are continued with; generation that was cut short is finished, by the numbers it was begun with. */
async function generate({ host, flags, directory, say, signal }: Preparing): Promise<void> {
  const record = await readRecord(directory)
  if (record?.done === true) return
  if (record === undefined && (await hasData(host))) return
  const { products = flags.catalog === undefined ? 1_000 : 0, customers, seed } = flags
  const seeding = record ?? { products, customers, seed }
  await writeRecord(directory, { ...seeding, done: false })
  const shown = showImport(process.stderr)
  try {
    await seedData(host, seeding, { progress: (done, of) => shown.progress('generated', done, of), signal })
  } finally {
    shown.stop()
  }
  await writeRecord(directory, { ...seeding, done: true })
  const numbers = [seeding.products, seeding.customers].map((count) => count.toLocaleString('en'))
  say(`Generated ${numbers[0]} products and ${numbers[1]} customers from seed ${seeding.seed}`)
}

/** Somebody brought data of their own. */
async function hasData(host: Preparing['host']): Promise<boolean> {
  const { products } = await host.client(Product).totals()
  const { customers } = await host.client(Customer).totals()
  return products > 0 || customers > 0
}

async function bringIn({ host, flags, directory, say, log, signal }: Preparing): Promise<void> {
  const { catalog, invoices, seed } = flags
  const clients = importClients(host)
  const rejectsFile = join(directory, 'rejected.jsonl')
  const report = async (work: (progress: ReturnType<typeof showImport>['progress']) => Promise<string[]>): Promise<void> => {
    const shown = showImport(process.stderr)
    const lines = await work(shown.progress).finally(shown.stop)
    for (const line of lines) say(line)
    if (existsSync(rejectsFile)) say(`Every row that was skipped or noticed is in ${rejectsFile}`)
  }
  if (catalog !== undefined) {
    await report(async (progress) =>
      describeCatalog(await importCatalog({ directory: catalog, clients, log, progress, seed, rejectsFile, signal })),
    )
  }
  if (invoices !== undefined) {
    await report(async (progress) =>
      describeInvoices(await replayInvoices({ file: invoices, clients, log, progress, rejectsFile, signal })),
    )
  }
}
