import type { EventData, EventInput } from 'dure/contract'
import type { Transaction } from 'dure/data'
import { service, type Service } from 'dure/service'
import { partOf } from '../cursor.ts'
import { TransactionMark } from '../mark.ts'
import { momentOf } from '../moment.ts'
import { toCents, toMoney } from '../money.ts'
import { InvoiceIssued } from '../order/contract.ts'
import type { CheckoutCustomer, Recipient } from '../values.ts'
import { Payment, PaymentConfirmed, PaymentFailed, PaymentRefused, PayOrder } from './contract.ts'
import { paymentLines } from './domain/lines.ts'
import type { Asking, Charge, Outcome, PaymentProvider } from './domain/provider.ts'
import { deletePayments, insertPayment, listPayments, paymentOf, paymentTotals, type PaymentRow } from './store/payments.ts'
import { paymentDatabase, type PaymentTables } from './store/tables.ts'

/** Payments, taken through the given provider. */
export function payment(provider: PaymentProvider): Service<typeof Payment> {
  return service(Payment, {
    database: paymentDatabase,
    handlers: {
      ofOrder: async ({ customerId, orderId }, { database }) => (await paymentOf(database.read, customerId, orderId)).map(viewOf),
      list: async (page, { database }) => {
        const rows = await listPayments(database.read, page)
        return partOf(rows.map(viewOf), page.limit, (line) => [line.customerId, line.orderId, line.sequential])
      },
      totals: async (_input, { database }) => {
        const { amount, vouchers, ...counts } = await database.snapshot(paymentTotals)
        return { ...counts, amount: toMoney(amount), vouchers: toMoney(vouchers) }
      },
      // Order numbers start again, and with them the invoice numbers the provider knows charges by.
      reset: async (_input, { database }) => {
        await provider.forget()
        await database.transaction(deletePayments)
      },
      cleanup: async (_input, { database }) => {
        await provider.forget()
        await database.transaction(deletePayments)
      },
    },

    subscriptions: ({ on, work }) => {
      const options = {
        concurrency: 64,
        // A provider that is down for an hour must cost nobody an order: payments wait for it.
        retry: { attempts: 10_000, first: 50, factor: 2, max: 2_000 },
      }
      type Invoice = { readonly data: EventData<typeof InvoiceIssued> }
      // Outside of any transaction; a second attempt finds the first by its key.
      const prepare = ({ data: { customer, invoiceNumber, totalInvoice } }: Invoice, call: Asking) =>
        provider.charge(chargeOf(customer, invoiceNumber, totalInvoice), call)
      return [
        on(InvoiceIssued, {
          ...{ ...options, prepare },
          handle: async ({ data }, { tx, clock }, outcome) => void (await notePayment(tx, data, { outcome, now: clock.now() })),
        }),
        // A refusal is noted as well, so it is returned and not thrown.
        work(PayOrder, {
          ...{ ...options, prepare },
          handle: ({ data }, { tx, clock }, outcome) => notePayment(tx, data, { outcome, now: clock.now() }),
        }),
      ]
    },
  })
}

/** What came of a payment, told to all who want to know; once for each order. */
async function notePayment(
  tx: Transaction<PaymentTables>,
  data: EventData<typeof InvoiceIssued>,
  { outcome, now }: { readonly outcome: Outcome; readonly now: number },
): Promise<EventInput<typeof PaymentConfirmed> | ReturnType<typeof PaymentRefused>> {
  const { customer, orderId, items, invoiceNumber, totalInvoice: totalAmount, checkoutId, instanceId } = data
  const { customerId } = customer
  const incentives = items.map(({ totalIncentive }) => toCents(totalIncentive))
  const lines = paymentLines({ charge: chargeOf(customer, invoiceNumber, totalAmount), incentives, outcome })
  const paid = { customer: recipientOf(customer), orderId, totalAmount, items, checkoutId, instanceId }
  const confirmed = { ...paid, date: momentOf(now) }
  const first = await insertPayment(tx, { customerId, orderId, lines, card: cardOf(customer) })
  if (outcome.status === 'succeeded') {
    if (first) await tx.publish(PaymentConfirmed, confirmed)
    return confirmed
  }
  if (first) {
    await tx.publish(PaymentFailed, { ...paid, status: outcome.reason })
    const mark = { type: 'CUSTOMER_SESSION', status: 'NOT_ACCEPTED', source: 'payment' } as const
    await tx.publish(TransactionMark, { tid: instanceId, actorId: customerId, ...mark })
  }
  return PaymentRefused({ reason: outcome.reason })
}

const paysByCard = ({ paymentType }: CheckoutCustomer): boolean => paymentType === 'CREDIT_CARD' || paymentType === 'DEBIT_CARD'

function chargeOf(customer: CheckoutCustomer, key: string, totalInvoice: number): Charge {
  const { customerId, paymentType, installments, cardNumber, cardHolderName, cardExpiration } = customer
  const card = paysByCard(customer) ? { number: cardNumber, holder: cardHolderName, expiration: cardExpiration } : undefined
  return { key, customerId, amount: toCents(totalInvoice), method: paymentType, installments, card }
}

function cardOf(customer: CheckoutCustomer): Parameters<typeof insertPayment>[1]['card'] {
  if (!paysByCard(customer)) return undefined
  const { cardNumber, cardHolderName, cardExpiration, cardBrand } = customer
  return { last_digits: cardNumber.slice(-4), holder: cardHolderName, expiration: cardExpiration, brand: cardBrand ?? null }
}

/** Who gets the order and where: what those who ship it need, and nothing of the card. */
function recipientOf(customer: CheckoutCustomer): Recipient {
  const { customerId, firstName, lastName, street, complement, city, state, zipCode } = customer
  return { customerId, firstName, lastName, street, complement, city, state, zipCode }
}

function viewOf(row: PaymentRow) {
  return {
    customerId: row.customer_id,
    orderId: row.order_id,
    sequential: row.sequential,
    type: row.type,
    installments: row.installments,
    value: toMoney(row.value),
    status: row.status,
    card:
      row.last_digits === null
        ? undefined
        : {
            lastDigits: row.last_digits,
            holder: row.holder ?? '',
            expiration: row.expiration ?? '',
            brand: row.brand ?? undefined,
          },
  }
}
