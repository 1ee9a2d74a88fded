import { readCsv, type Row } from './csv.ts'
import type { RejectReason } from './errors.ts'
import { collectRejects, type Rejects } from './rejects.ts'

/** The columns of UCI's Online Retail data. */
export const INVOICE_COLUMNS = [
  'InvoiceNo',
  'StockCode',
  'Description',
  'Quantity',
  'InvoiceDate',
  'UnitPrice',
  'CustomerID',
  'Country',
] as const
type InvoiceRow = Row<(typeof INVOICE_COLUMNS)[number]>

export type InvoiceLine = {
  readonly line: number
  readonly code: string
  readonly description: string
  readonly quantity: number
  /** Major units, two decimals. */
  readonly price: number
}

/** The good lines of one invoice, in order of the file. */
export type Invoice = {
  readonly number: string
  readonly line: number
  readonly customer: number
  readonly country: string
  readonly lines: readonly InvoiceLine[]
}

/** What the whole file says of one stock code. */
export type CodeSurvey = {
  readonly code: string
  readonly description: string
  /** The highest price any good line has: the list price, see `replayInvoices`. */
  listPrice: number
  /** Sum over good lines: as much must be in stock for every invoice to be served. */
  quantity: number
}

/** A first reading of a file. */
export type InvoiceSurvey = {
  readonly invoices: number
  readonly codes: ReadonlyMap<string, CodeSurvey>
  /** Customers, with the country of their first invoice. */
  readonly customers: ReadonlyMap<number, string>
}

/** Reads the file for its stock codes and customers. Reports no dirt; `readInvoices` does. */
export async function surveyInvoices(file: string): Promise<InvoiceSurvey> {
  const codes = new Map<string, CodeSurvey>()
  const customers = new Map<number, string>()
  let invoices = 0
  for await (const { customer, country, lines } of readInvoices({ file, rejects: collectRejects({ keep: 0 }) })) {
    invoices++
    if (!customers.has(customer)) customers.set(customer, country)
    for (const { code, description, quantity, price } of lines) {
      const known = codes.get(code)
      if (!known) codes.set(code, { code, description, listPrice: price, quantity })
      else {
        known.listPrice = Math.max(known.listPrice, price)
        known.quantity += quantity
      }
    }
  }
  return { invoices, codes, customers }
}

/**
 * The invoices of a file, one after another. Lines of one invoice must stand together, as they do in
 * UCI's data: memory holds one invoice and the numbers of those that are over.
 */
export async function* readInvoices(options: { file: string; rejects: Rejects }): AsyncGenerator<Invoice> {
  const { file, rejects } = options
  const over = new Set<string>()
  let open: (Invoice & { lines: InvoiceLine[] }) | undefined
  for await (const row of readCsv({ file, columns: INVOICE_COLUMNS, rejects })) {
    const { line, cells } = row
    const reject = (reason: RejectReason, detail: string): void => rejects.reject({ file, line, reason, detail })
    const fault = faultOf(row)
    if (fault) {
      reject(...fault)
      continue
    }
    const number = cells.InvoiceNo
    if (open && open.number !== number) {
      over.add(open.number)
      yield open
      open = undefined
    }
    if (over.has(number)) {
      reject('SCATTERED_INVOICE', number)
      continue
    }
    const customer = Number(cells.CustomerID)
    open ??= { number, line, customer, country: cells.Country, lines: [] }
    if (open.customer !== customer) {
      rejects.notice({ file, line, reason: 'CUSTOMER_CHANGED', detail: `${cells.CustomerID} after ${open.customer}` })
    }
    const price = Math.round(Number(cells.UnitPrice) * 100) / 100
    open.lines.push({ line, code: cells.StockCode, description: cells.Description, quantity: Number(cells.Quantity), price })
  }
  if (open) yield open
}

/** Why a line orders nothing, with what it says; undefined for a good one. The kind of invoice is told before its numbers. */
function faultOf({ cells }: InvoiceRow): [RejectReason, string] | undefined {
  const { InvoiceNo: number, StockCode: code, Quantity: quantity, UnitPrice: price, CustomerID: customer } = cells
  if (number === '') return ['EMPTY_CELL', 'InvoiceNo']
  if (/^c/i.test(number)) return ['CANCELLATION', `${number} ${code} ${quantity}`]
  if (/^a/i.test(number)) return ['ADJUSTMENT', `${number} ${price}`]
  if (code === '') return ['EMPTY_CELL', 'StockCode']
  const numbers = { Quantity: quantity, UnitPrice: price, CustomerID: customer === '' ? '0' : customer }
  for (const [column, text] of Object.entries(numbers)) {
    if (text === '') return ['EMPTY_CELL', column]
    if (!Number.isFinite(Number(text))) return ['NOT_A_NUMBER', `${column} ${JSON.stringify(text)}`]
  }
  if (!Number.isInteger(Number(quantity))) return ['NOT_A_NUMBER', `Quantity ${JSON.stringify(quantity)} is not whole`]
  if (Number(quantity) <= 0) return ['QUANTITY_NOT_POSITIVE', `${number} ${code} ${quantity}`]
  if (Number(price) < 0.005) return ['PRICE_NOT_POSITIVE', `${number} ${code} ${price}`]
  if (Number(quantity) > 1_000_000 || Number(price) > 1_000_000) return ['OUT_OF_RANGE', `${quantity} at ${price}`]
  const id = Number(customer)
  // The published sample writes "0.0" where the customer is missing.
  if (id === 0) return ['NO_CUSTOMER', number]
  if (!Number.isInteger(id) || id < 0 || id > 2_147_483_647) return ['OUT_OF_RANGE', `CustomerID ${JSON.stringify(customer)}`]
  return undefined
}
