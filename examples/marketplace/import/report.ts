import type { CatalogReport } from './catalog.ts'
import type { InvoiceReport } from './invoices.ts'
import { describeRejects } from './rejects.ts'

const number = (value: number): string => value.toLocaleString('en')

/** What an import did, as lines of text. */
export function describeCatalog({ sellers, products, rejects }: CatalogReport): string[] {
  const part = (what: string, { read, added }: { read: number; added: number }): string =>
    `${number(added)} ${what} imported${read > added ? `, ${number(read - added)} were there already` : ''}`
  return [
    `${part('sellers', sellers)}; ${part('products', products)}; ${number(rejects.rejected)} rows skipped`,
    ...describeRejects(rejects),
  ]
}

export function describeInvoices(report: InvoiceReport): string[] {
  const { invoices, lines, products, customers, checkouts, madeBefore, orders, declined, notAccepted, open, rejects } = report
  const before = madeBefore > 0 ? `, ${number(madeBefore)} were made before` : ''
  const still = open > 0 ? `, ${number(open)} still under way` : ''
  return [
    `${number(lines)} lines of ${number(invoices)} invoices; ${number(products.added)} products and ${number(customers.added)} customers are new; ${number(rejects.rejected)} rows skipped`,
    `${number(checkouts)} checkouts made${before}: ${number(orders)} orders paid, ${number(declined)} declined, ${number(notAccepted)} not accepted${still}`,
    ...describeRejects(rejects),
  ]
}
