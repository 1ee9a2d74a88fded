/** What is ordered of one product. Money is whole cents; `voucher` is an amount off the whole line. */
export type Ordered = {
  readonly sellerId: number
  readonly productId: number
  readonly productName: string
  readonly unitPrice: number
  readonly freightValue: number
  readonly quantity: number
  readonly voucher: number
}

export type PricedLine = Omit<Ordered, 'voucher'> & {
  readonly orderItemId: number
  /** Price times quantity. */
  readonly totalItems: number
  /** What the voucher takes off: never more than the line is worth. */
  readonly totalIncentive: number
  readonly totalAmount: number
}

export type Totals = {
  readonly totalItems: number
  readonly totalIncentive: number
  readonly totalAmount: number
  readonly totalFreight: number
  /** After vouchers, with freight. */
  readonly totalInvoice: number
}

/** Prices an order: its lines, counted from 1, and their sums. */
export function price(items: readonly Ordered[]): { readonly lines: readonly PricedLine[]; readonly totals: Totals } {
  const lines = items.map(({ voucher, ...item }, i): PricedLine => {
    const totalItems = item.unitPrice * item.quantity
    const totalIncentive = Math.min(voucher, totalItems)
    return { ...item, orderItemId: i + 1, totalItems, totalIncentive, totalAmount: totalItems - totalIncentive }
  })
  const sum = (amount: (line: PricedLine) => number): number => lines.reduce((total, line) => total + amount(line), 0)
  const totalAmount = sum((line) => line.totalAmount)
  const totalFreight = sum((line) => line.freightValue)
  return {
    lines,
    totals: {
      totalItems: sum((line) => line.totalItems),
      totalIncentive: sum((line) => line.totalIncentive),
      totalAmount,
      totalFreight,
      totalInvoice: totalAmount + totalFreight,
    },
  }
}

/** `customer-yyyyMMdd-order`, the day in UTC: unique, because orders are numbered per customer. */
export function invoiceNumber(customerId: number, orderId: number, issued: string): string {
  return `${customerId}-${issued.slice(0, 10).replaceAll('-', '')}-${orderId}`
}
