import type { Charge, Outcome } from './provider.ts'

/** One way in which a part of an order was paid. Money is whole cents. */
export type PaymentLine = {
  readonly sequential: number
  readonly type: Charge['method']
  readonly installments: number
  readonly value: number
  readonly status: Outcome['status']
}

/** The lines of a payment: what was charged, then, if that succeeded, one voucher for each line that had one. */
export function paymentLines(options: {
  charge: Pick<Charge, 'method' | 'installments' | 'amount'>
  incentives: readonly number[]
  outcome: Outcome
}): readonly PaymentLine[] {
  const { charge, incentives, outcome } = options
  const { method, installments, amount } = charge
  const { status } = outcome
  const charged: PaymentLine = { sequential: 1, type: method, installments, value: amount, status }
  if (status === 'declined') return [charged]
  const vouchers = incentives
    .filter((value) => value > 0)
    .map((value, i): PaymentLine => ({ sequential: i + 2, type: 'VOUCHER', installments: 0, value, status }))
  return [charged, ...vouchers]
}
