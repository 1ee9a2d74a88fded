import { setTimeout as sleep } from 'node:timers/promises'
import { CallError, DeclaredError } from 'dure/contract'
import type { Logger } from 'dure/telemetry'
import { followMarks, type MarkFollower } from '../workload/marks.ts'
import { batches, insist, type ImportClients, type ImportProgress } from './clients.ts'
import { ImportError } from './errors.ts'
import { readInvoices, surveyInvoices, type Invoice, type InvoiceLine, type InvoiceSurvey } from './invoice-file.ts'
import { collectRejects, type Rejects, type RejectSummary } from './rejects.ts'

/** The one retailer whose invoices they are. */
export const RETAILER = 2_000_001
/** Pieces in stock beyond what the file needs. */
const SPARE = 10_000
const BATCH = 500
/** Lines of one checkout: as many as a cart holds. */
const MOST_LINES = 100
/** A checkout that has not ended by then is counted as open; it will end, but nobody waits for it here. */
const PATIENCE = 60_000

export type InvoiceOptions = {
  readonly file: string
  readonly clients: ImportClients
  readonly log: Logger
  readonly progress?: ImportProgress
  /** Invoices worked on at once. Default 16. */
  readonly concurrency?: number
  readonly rejectsFile?: string
  readonly signal?: AbortSignal
}

export type InvoiceReport = {
  /** Invoices with at least one good line, and their good lines. */
  readonly invoices: number
  readonly lines: number
  readonly products: { readonly read: number; readonly added: number }
  readonly customers: { readonly read: number; readonly added: number }
  /** Checkouts made now, and found made by an earlier import. */
  readonly checkouts: number
  readonly madeBefore: number
  /** How the checkouts of now ended: paid orders, orders whose payment was declined, no order, not known yet. */
  readonly orders: number
  readonly declined: number
  readonly notAccepted: number
  readonly open: number
  readonly rejects: RejectSummary
}

/**
 * Replays invoices: each becomes a cart and a checkout of its customer, in order of the file for each customer. Stock
 * codes become products of one retailer, with the code as sku.
 *
 * An invoice line has a price of its own, the marketplace one price a product. So the product gets the highest
 * price its code has in the file, and a line sold for less gets the difference as a voucher: what the customer pays
 * is what the invoice says, and no invoice depends on when another one is replayed. Changing the product's price
 * between invoices would be repriced into whatever carts are open at that moment.
 *
 * Transactions are named after invoices, so a second import finds them made and leaves them; an invoice of more than
 * 100 lines, which is what a cart holds, is checked out in parts.
 * @throws {ImportError} when the file is missing or of another kind, or the marketplace takes no calls
 */
export async function replayInvoices(options: InvoiceOptions): Promise<InvoiceReport> {
  const { file, clients, log, progress = () => {}, concurrency = 16, rejectsFile: path, signal } = options
  const rejects = collectRejects({ path })
  const survey = await surveyInvoices(file)
  const products = await putProducts(clients, survey)
  const customers = await putCustomers(clients, survey)
  const counts = { invoices: 0, lines: 0, checkouts: 0, madeBefore: 0, orders: 0, declined: 0, notAccepted: 0, open: 0 }
  const marks = followMarks({
    open: (after, stop) => clients.audit.marks({ after }, { signal: stop }),
    after: (await clients.audit.totals()).last,
    now: () => performance.now(),
  })
  const replay = async (invoice: Invoice): Promise<void> => {
    noticeDiscounts(invoice, products.byCode, file, rejects)
    const lines = mergeLines(invoice, file, rejects)
    for (let part = 0; part * MOST_LINES < lines.length; part++) {
      const tid = part === 0 ? `uci-${invoice.number}` : `uci-${invoice.number}-${part + 1}`
      const items = lines.slice(part * MOST_LINES, (part + 1) * MOST_LINES).map((line) => itemOf(line, products.byCode))
      counts[await checkOut({ clients, marks, invoice, tid, items, onSent: () => void counts.checkouts++ })]++
    }
    counts.invoices++
    counts.lines += invoice.lines.length
    progress('invoices', counts.invoices, survey.invoices)
  }
  try {
    await eachInOrder(
      readInvoices({ file, rejects }),
      concurrency,
      ({ customer }) => customer,
      async (invoice) => {
        signal?.throwIfAborted()
        await replay(invoice).catch((error: unknown) => {
          if (!(error instanceof DeclaredError) && !(error instanceof CallError && error.code === 'INVALID_ARGUMENT')) throw error
          rejects.reject({ file, line: invoice.line, reason: 'REFUSED', detail: `invoice ${invoice.number}: ${error.message}` })
        })
      },
    )
  } finally {
    rejects.flush()
    await marks.stop()
  }
  const summary = rejects.summary()
  const { byCode: _, ...productCounts } = products
  log.info('Invoices replayed', { file, ...counts, rejected: summary.rejected, noticed: summary.noticed })
  return { ...counts, products: productCounts, customers, rejects: summary }
}

type SoldProduct = { readonly productId: number; readonly name: string; readonly price: number; readonly version: string }
type SoldLine = Pick<InvoiceLine, 'code' | 'quantity'> & { readonly paid: number }
type CartInput = Omit<Parameters<ImportClients['cart']['add']>[0], 'customerId'>

/** Makes sure that every stock code is a product with enough stock and at least its list price. */
async function putProducts(
  { product, stock, seller, audit }: ImportClients,
  { codes }: InvoiceSurvey,
): Promise<{ read: number; added: number; byCode: ReadonlyMap<string, SoldProduct> }> {
  await insist('the retailer', () => seller.put({ sellerId: RETAILER, name: 'Online Retail', companyName: 'UCI Online Retail' }))
  const byCode = new Map<string, SoldProduct>()
  let last = 0
  for (const { sku, productId, name, price, version } of await product.ofSeller({ sellerId: RETAILER })) {
    byCode.set(sku, { productId, name, price, version })
    last = Math.max(last, productId)
  }
  let added = 0
  const missing = [...codes.values()].filter(({ code }) => !byCode.has(code))
  for await (const batch of batches(missing, BATCH)) {
    const items = batch.map(({ code, description, listPrice: price }) => {
      const sold = { productId: ++last, name: description || code, price, version: '0' }
      byCode.set(code, sold)
      return { sellerId: RETAILER, sku: code, category: 'online retail', ...sold }
    })
    added += (await insist('products', () => product.addAll({ items }))).added
  }
  for await (const batch of batches(codes.values(), BATCH)) {
    const items = batch.map(({ code, quantity }) => {
      const { productId, version } = byCode.get(code)!
      return { sellerId: RETAILER, productId, version, data: code, qtyAvailable: Math.min(quantity + SPARE, 1_000_000_000) }
    })
    await insist('stock', () => stock.putAll({ items }))
  }
  // Another file may have named a lower price: the carts must know the new one before a line comes with it.
  for (const { code, listPrice } of codes.values()) {
    const sold = byCode.get(code)!
    if (listPrice <= sold.price) continue
    const { productId, version } = sold
    const instanceId = `uci-price-${productId}-${Math.round(listPrice * 100)}`
    await insist('a price', () => product.updatePrice({ sellerId: RETAILER, productId, price: listPrice, version, instanceId }))
    await untilMarked(audit, instanceId)
    byCode.set(code, { ...sold, price: listPrice })
  }
  return { read: codes.size, added, byCode }
}

async function untilMarked(audit: ImportClients['audit'], tid: string): Promise<void> {
  for (let tries = 0; tries < PATIENCE / 20; tries++) {
    if ((await audit.ofTransaction({ tid })).length > 0) return
    await sleep(20)
  }
  throw new ImportError(`Cannot import invoices: the price update ${tid} did not reach the carts within ${PATIENCE / 1000} s`)
}

async function putCustomers({ customer }: ImportClients, { customers }: InvoiceSurvey): Promise<{ read: number; added: number }> {
  let added = 0
  for await (const batch of batches(customers, BATCH)) {
    const items = batch.map(([customerId, country]) => ({ customerId, ...addressOf(customerId, country) }))
    added += (await insist('customers', () => customer.putAll({ items }))).added
  }
  return { read: customers.size, added }
}

/** The data know a customer's number and country, and no more. */
function addressOf(customerId: number, country: string) {
  const place = country || 'unknown'
  return { firstName: 'Customer', lastName: String(customerId), street: 'unknown', city: place, state: place, zipCode: '-' }
}

function noticeDiscounts(
  { lines, number }: Invoice,
  byCode: ReadonlyMap<string, SoldProduct>,
  file: string,
  rejects: Rejects,
): void {
  for (const { line, code, price } of lines) {
    const list = byCode.get(code)!.price
    if (price < list)
      rejects.notice({ file, line, reason: 'SOLD_BELOW_LIST', detail: `${number} ${code} at ${price}, list price ${list}` })
  }
}

/** One line a stock code: what is bought of it, and what is paid for all of it, in cents. */
function mergeLines({ lines, number }: Invoice, file: string, rejects: Rejects): SoldLine[] {
  const merged = new Map<string, SoldLine>()
  for (const { line, code, quantity, price } of lines) {
    const before = merged.get(code)
    if (before) rejects.notice({ file, line, reason: 'MERGED_LINE', detail: `${number} ${code}` })
    const paid = Math.round(price * 100) * quantity
    merged.set(code, { code, quantity: quantity + (before?.quantity ?? 0), paid: paid + (before?.paid ?? 0) })
  }
  return [...merged.values()]
}

function itemOf({ code, quantity, paid }: SoldLine, byCode: ReadonlyMap<string, SoldProduct>): CartInput {
  const { productId, name, price, version } = byCode.get(code)!
  const voucher = (Math.round(price * 100) * quantity - paid) / 100
  return { sellerId: RETAILER, productId, productName: name, unitPrice: price, freightValue: 0, quantity, voucher, version }
}

type Outcome = 'madeBefore' | 'orders' | 'declined' | 'notAccepted' | 'open'

async function checkOut(options: {
  clients: ImportClients
  marks: MarkFollower
  invoice: Invoice
  tid: string
  items: readonly CartInput[]
  onSent: () => void
}): Promise<Outcome> {
  const { clients, marks, invoice, tid, items, onSent } = options
  const { cart } = clients
  const customerId = invoice.customer
  if ((await cart.history.attempt({ customerId, tid })).ok) return 'madeBefore'
  // An import that was cut short may have left lines of this invoice in the cart.
  await cart.seal.attempt({ customerId })
  for (const item of items) await insist('a cart', () => cart.add({ customerId, ...item }))
  const ending = marks.expect(tid)
  const address = addressOf(customerId, invoice.country)
  const checkout = { customerId, ...address, paymentType: 'BOLETO', instanceId: tid } as const
  await insist('a checkout', () => cart.checkout(checkout))
  onSent()
  const giveUp = new AbortController()
  const mark = await Promise.race([ending, sleep(PATIENCE, undefined, { signal: giveUp.signal }).catch(() => undefined)])
  giveUp.abort()
  marks.forget(tid)
  if (!mark) return 'open'
  if (mark.status === 'SUCCESS') return 'orders'
  return mark.source === 'payment' ? 'declined' : 'notAccepted'
}

/** Works on `concurrency` items at once; items of one key one after another, in the order they come. */
async function eachInOrder<T, Key>(
  items: AsyncIterable<T>,
  concurrency: number,
  keyOf: (item: T) => Key,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const lasts = new Map<Key, Promise<void>>()
  const running = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  for await (const item of items) {
    if (failure) break
    const key = keyOf(item)
    const before = lasts.get(key) ?? Promise.resolve()
    const task: Promise<void> = before
      .then(() => (failure ? undefined : work(item)))
      .catch((error: unknown) => void (failure ??= { error }))
      .finally(() => {
        running.delete(task)
        if (lasts.get(key) === task) lasts.delete(key)
      })
    lasts.set(key, task)
    running.add(task)
    if (running.size >= concurrency) await Promise.race(running)
  }
  await Promise.all(running)
  if (failure) throw failure.error
}
