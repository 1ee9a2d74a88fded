import type { Random } from 'dure/runtime'
import { firstAbove } from './distribution.ts'

/** The five business transactions, by the name they have in `--mix` and in the report. */
export const TRANSACTIONS = ['checkout', 'dashboard', 'price', 'product', 'delivery'] as const
export type TransactionType = (typeof TRANSACTIONS)[number]

/** Weight of each transaction; they need not add up to 100. */
export type Mix = Readonly<Record<TransactionType, number>>

/** The benchmark's headline mix. */
export const HEADLINE_MIX: Mix = { checkout: 30, dashboard: 5, price: 3, product: 2, delivery: 60 }

/**
 * Reads `checkout:30,dashboard:5,…`; a transaction that is not named does not happen.
 * @throws {RangeError} naming the part that is wrong
 */
export function parseMix(text: string): Mix {
  const mix: Record<TransactionType, number> = { checkout: 0, dashboard: 0, price: 0, product: 0, delivery: 0 }
  for (const part of text.split(',')) {
    const [name = '', weight = '', ...rest] = part.split(':').map((piece) => piece.trim())
    const type = TRANSACTIONS.find((one) => one === name)
    if (!type) throw new RangeError(`Cannot read the mix: "${name}" is no transaction, choose from ${TRANSACTIONS.join(', ')}`)
    const value = Number(weight)
    if (weight === '' || rest.length > 0 || !Number.isFinite(value) || value < 0) {
      throw new RangeError(`Cannot read the mix: "${part}" must be a name, a colon and a weight of 0 or more`)
    }
    mix[type] = value
  }
  if (TRANSACTIONS.every((type) => mix[type] === 0)) throw new RangeError(`Cannot read the mix: every weight in "${text}" is 0`)
  return mix
}

/** Draws transactions in proportion to their weights. */
export function drawTransactions(mix: Mix, random: Random): () => TransactionType {
  const cumulative = new Float64Array(TRANSACTIONS.length)
  let sum = 0
  TRANSACTIONS.forEach((type, i) => {
    sum += mix[type]
    cumulative[i] = sum
  })
  return () => TRANSACTIONS[firstAbove(cumulative, random.number() * sum)]!
}
