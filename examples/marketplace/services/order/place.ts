import type { EventData, EventInput } from 'dure/contract'
import type { Transaction } from 'dure/data'
import { momentOf } from '../moment.ts'
import { toCents, toMoney } from '../money.ts'
import type { StockConfirmed } from '../stock/contract.ts'
import { InvoiceIssued } from './contract.ts'
import { invoiceNumber, price } from './domain/totals.ts'
import { insertOrder, takeOrderId } from './store/orders.ts'
import type { OrderTables } from './store/tables.ts'
import { itemOf } from './views.ts'

/** Makes an order of what was reserved, and says what is to be paid for it. */
export async function placeOrder(
  tx: Transaction<OrderTables>,
  data: EventData<typeof StockConfirmed>,
  now: number,
): Promise<EventInput<typeof InvoiceIssued>> {
  const { checkoutId, instanceId, customerCheckout: customer } = data
  const { customerId } = customer
  const orderId = await takeOrderId(tx, customerId)
  const issueDate = momentOf(now)
  const number = invoiceNumber(customerId, orderId, issueDate)
  const { lines, totals } = price(
    data.items.map(({ version: _, ...item }) => ({
      ...item,
      unitPrice: toCents(item.unitPrice),
      freightValue: toCents(item.freightValue),
      voucher: toCents(item.voucher),
    })),
  )
  await insertOrder(tx, { customerId, orderId, checkoutId, instanceId, invoiceNumber: number, now, lines, totals })
  const totalInvoice = toMoney(totals.totalInvoice)
  const about = { customer, orderId, invoiceNumber: number, issueDate, totalInvoice }
  const invoice = { ...about, items: lines.map(itemOf), checkoutId, instanceId }
  await tx.publish(InvoiceIssued, invoice)
  return invoice
}
