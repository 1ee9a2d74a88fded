import { choiceFlag, flag, numberFlag, switchFlag, type Flag } from './flags.ts'
import { HEADLINE_MIX, parseMix, type Mix } from './mix.ts'
import type { SessionOptions } from './session.ts'

/** The flags of a run, shared by whoever sends transactions. */
export function runFlags(seed: number): {
  readonly concurrency: Flag<number>
  readonly seed: Flag<number>
  readonly mix: Flag<Mix>
  readonly sellers: Flag<'uniform' | 'zipf'>
  readonly products: Flag<'uniform' | 'zipf'>
  readonly zipf: Flag<number>
  readonly 'checkout-probability': Flag<number>
  readonly 'voucher-probability': Flag<number>
  readonly 'unique-seller': Flag<boolean>
} {
  return {
    concurrency: numberFlag({ help: 'Transactions outstanding at any time', fallback: 48, least: 1, most: 10_000 }),
    seed: numberFlag({ help: 'What is drawn; the same seed draws the same', fallback: seed }),
    mix: flag({ placeholder: 'MIX', help: 'Weights of the transactions', fallback: HEADLINE_MIX, read: parseMix }),
    sellers: choiceFlag(['uniform', 'zipf'], 'How sellers are chosen', 'uniform'),
    products: choiceFlag(['uniform', 'zipf'], "How a seller's products are chosen", 'uniform'),
    zipf: numberFlag({ help: "Constant of Zipf's law", fallback: 1, most: 10, whole: false }),
    'checkout-probability': numberFlag({ help: 'Per cent of sessions that check out', fallback: 100, most: 100, whole: false }),
    'voucher-probability': numberFlag({ help: 'Per cent of items with a voucher', fallback: 5, most: 100, whole: false }),
    'unique-seller': switchFlag('No two items of one seller in a cart'),
  }
}

export function sessionOptions(flags: {
  readonly sellers: 'uniform' | 'zipf'
  readonly products: 'uniform' | 'zipf'
  readonly zipf: number
  readonly 'checkout-probability': number
  readonly 'voucher-probability': number
  readonly 'unique-seller': boolean
}): SessionOptions {
  const distribution = (kind: 'uniform' | 'zipf'): SessionOptions['sellers'] =>
    kind === 'uniform' ? { kind } : { kind, constant: flags.zipf }
  return {
    sellers: distribution(flags.sellers),
    products: distribution(flags.products),
    checkoutProbability: flags['checkout-probability'],
    voucherProbability: flags['voucher-probability'],
    uniqueSeller: flags['unique-seller'],
  }
}
