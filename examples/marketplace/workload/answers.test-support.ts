import type { Get } from './gather.ts'

/** What a small, quiet and sound marketplace answers, by path; tests change it to see what is noticed. */
export type Answers = Record<string, Item[] | Item>
// oxlint-disable-next-line typescript/no-explicit-any -- tests reach into answers of every shape
export type Item = Record<string, any>

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toISOString()
const order = { invoiceNumber: '', purchaseDate: at(1), estimatedDeliveryDate: at(59), countItems: 1 }
const entry = { sellerId: 1, productName: 'x', unitPrice: 10, freightValue: 1, naturalKey: '' }
const history = (...statuses: string[]): Item[] => statuses.map((status, i) => ({ status, createdAt: at(i) }))

/**
 * Customer 1 ordered twice: a paid and partly delivered order of two lines (with a voucher of 2.00), and one whose payment
 * failed. Customer 2 ordered once, delivered. A fourth checkout was not accepted for want of stock.
 */
export function soundAnswers(): Answers {
  const orders: Item[] = [
    {
      ...order,
      ...{ customerId: 1, orderId: 1, invoiceNumber: '1-1', instanceId: 't1', status: 'IN_TRANSIT', countItems: 2 },
      ...{ totalItems: 30.3, totalIncentive: 2, totalAmount: 28.3, totalFreight: 2, totalInvoice: 30.3 },
      ...{ paymentDate: at(2), deliveredCarrierDate: at(4) },
    },
    {
      ...order,
      ...{ customerId: 1, orderId: 2, invoiceNumber: '1-2', instanceId: 't2', status: 'PAYMENT_FAILED' },
      ...{ totalItems: 10, totalIncentive: 1, totalAmount: 9, totalFreight: 1, totalInvoice: 10 },
    },
    {
      ...order,
      ...{ customerId: 2, orderId: 1, invoiceNumber: '2-1', instanceId: 't3', status: 'DELIVERED' },
      ...{ totalItems: 10, totalIncentive: 0, totalAmount: 10, totalFreight: 1, totalInvoice: 11 },
      ...{ paymentDate: at(2), deliveredCarrierDate: at(4), deliveredCustomerDate: at(5) },
    },
  ]
  const entries: Item[] = [
    {
      ...entry,
      ...{ customerId: 1, orderId: 1, naturalKey: '1_1', productId: 1, quantity: 2, totalItems: 20, totalIncentive: 2 },
      ...{ totalAmount: 18, totalInvoice: 19, orderStatus: 'IN_TRANSIT', deliveryStatus: 'delivered' },
    },
    {
      ...entry,
      ...{ customerId: 1, orderId: 1, naturalKey: '1_1', productId: 2, quantity: 1, totalItems: 10.3, totalIncentive: 0 },
      ...{ totalAmount: 10.3, totalInvoice: 11.3, orderStatus: 'IN_TRANSIT', deliveryStatus: 'shipped' },
    },
    {
      ...entry,
      ...{ customerId: 1, orderId: 2, naturalKey: '1_2', productId: 1, quantity: 1, totalItems: 10, totalIncentive: 1 },
      ...{ totalAmount: 9, totalInvoice: 10, orderStatus: 'PAYMENT_FAILED' },
    },
    {
      ...entry,
      ...{ customerId: 2, orderId: 1, naturalKey: '2_1', productId: 1, quantity: 1, totalItems: 10, totalIncentive: 0 },
      ...{ totalAmount: 10, totalInvoice: 11, orderStatus: 'DELIVERED', deliveryStatus: 'delivered' },
    },
  ]
  const stock = { sellerId: 1, qtyReserved: 0, data: '', active: true }
  const shipment = { totalFreightValue: 1, requestDate: at(3) }
  const payment = { sequential: 1, installments: 0, status: 'succeeded' }
  const customer = { firstName: 'A', lastName: 'B', cardNumber: '', failedReservationCount: 0 }
  const detail = (i: number, ...statuses: string[]): Item => ({ ...orders[i], items: [], history: history(...statuses) })
  const mark = (position: number, tid: string, status: string, source: string): Item => ({
    ...{ position, tid, status, source, time: at(6), type: 'CUSTOMER_SESSION', actorId: 1 },
  })
  return {
    '/products': [
      { sellerId: 1, productId: 1, name: 'x', price: 10, version: '0' },
      { sellerId: 1, productId: 2, name: 'y', price: 10.3, version: 'v1' },
    ],
    '/cart/replicas': [
      { sellerId: 1, productId: 1, name: 'x', price: 10, version: '0' },
      { sellerId: 1, productId: 2, name: 'y', price: 10.3, version: 'v1' },
    ],
    '/stock': [
      { ...stock, productId: 1, qtyAvailable: 97, qtyInitial: 100, ytd: 3, orderCount: 2, version: '0' },
      { ...stock, productId: 2, qtyAvailable: 99, qtyInitial: 100, ytd: 1, orderCount: 1, version: 'v1' },
    ],
    '/orders': orders,
    '/sellers/entries': entries,
    '/payments': [
      { ...payment, customerId: 1, orderId: 1, type: 'CREDIT_CARD', value: 30.3 },
      { ...payment, customerId: 1, orderId: 1, sequential: 2, type: 'VOUCHER', value: 2 },
      { ...payment, customerId: 1, orderId: 2, type: 'BOLETO', value: 10, status: 'declined' },
      { ...payment, customerId: 2, orderId: 1, type: 'DEBIT_CARD', value: 11 },
    ],
    '/shipments': [
      { ...shipment, customerId: 1, orderId: 1, packageCount: 2, deliveredCount: 1, status: 'delivery_in_progress' },
      { ...shipment, customerId: 2, orderId: 1, packageCount: 1, deliveredCount: 1, status: 'concluded' },
    ],
    '/customers': [
      { ...customer, customerId: 1, successPaymentCount: 1, failedPaymentCount: 1, deliveryCount: 1 },
      { ...customer, customerId: 2, successPaymentCount: 1, failedPaymentCount: 0, deliveryCount: 1 },
    ],
    '/marks/list': [
      mark(1, 't1', 'SUCCESS', 'shipment'),
      mark(2, 't2', 'NOT_ACCEPTED', 'payment'),
      mark(3, 't3', 'SUCCESS', 'shipment'),
      mark(4, 't4', 'NOT_ACCEPTED', 'stock'),
      { ...mark(5, 'v1', 'SUCCESS', 'stock'), type: 'UPDATE_PRODUCT' },
    ],
    '/customers/totals': { customers: 2, successPayments: 2, failedPayments: 1, deliveries: 2, failedReservations: 1 },
    '/sellers/totals': { sellers: 1, entries: 4, open: 2, delivered: 1, early: 0, totalInvoice: 51.3, byStatus: {} },
    '/seller/dashboard/1': {
      sellerView: {
        ...{ sellerId: 1, countOrders: 1, countItems: 2, totalAmount: 28.3, totalFreight: 2, totalIncentive: 2 },
        ...{ totalInvoice: 30.3, totalItems: 30.3 },
      },
      orderEntries: [{ ...entries[0] }, { ...entries[1] }],
    },
    '/order/1': [
      detail(1, 'INVOICED', 'PAYMENT_FAILED'),
      detail(0, 'INVOICED', 'PAYMENT_PROCESSED', 'READY_FOR_SHIPMENT', 'IN_TRANSIT'),
    ],
    '/order/2': [detail(2, 'INVOICED', 'PAYMENT_PROCESSED', 'READY_FOR_SHIPMENT', 'IN_TRANSIT', 'DELIVERED')],
    '/status': { quiet: true, services: [{ service: 'cart', callsInFlight: 0, outbox: 0, waiting: 0, dead: 0 }], lag: [] },
  }
}

/** Answers as the services would: the lists one item a page, so that paging is walked through. */
export function answering(answers: Answers): Get {
  return (path) => {
    const url = new URL(path, 'http://marketplace')
    const answer = answers[url.pathname]
    if (answer === undefined) return Promise.reject(new Error(`Nothing at ${path}`))
    const paged = Array.isArray(answer) && url.searchParams.has('limit')
    if (!paged) return Promise.resolve(answer)
    const from = Number(url.searchParams.get('after') ?? 0)
    const next = from + 1 < answer.length ? (url.pathname === '/marks/list' ? from + 1 : String(from + 1)) : undefined
    return Promise.resolve({ items: answer.slice(from, from + 1), next })
  }
}
