import assert from 'node:assert/strict'
import { test } from 'node:test'
import { paymentLines } from './lines.ts'

const charge = { method: 'CREDIT_CARD', installments: 3, amount: 900 } as const

test('paymentLines() adds a voucher line for each line that had one, if the charge succeeded', () => {
  const lines = paymentLines({ charge, incentives: [0, 50, 0, 20], outcome: { status: 'succeeded' } })
  assert.deepEqual(
    lines.map(({ sequential, type, value }) => [sequential, type, value]),
    [
      [1, 'CREDIT_CARD', 900],
      [2, 'VOUCHER', 50],
      [3, 'VOUCHER', 20],
    ],
  )
})

test('paymentLines() keeps no voucher of a declined charge', () => {
  const lines = paymentLines({ charge, incentives: [50], outcome: { status: 'declined', reason: 'x' } })
  assert.deepEqual(lines, [{ sequential: 1, type: 'CREDIT_CARD', installments: 3, value: 900, status: 'declined' }])
})
