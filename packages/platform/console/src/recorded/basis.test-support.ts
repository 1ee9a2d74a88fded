/** What is the same in all that was recorded: who there is, when it was, numbers by chance that are the same each time. */
export type Answer = (input: Readonly<Record<string, unknown>>) => unknown
/** Answers by contract and operation. */
export type Answers = Readonly<Record<string, Readonly<Record<string, Answer>>>>

export const SERVICES: readonly string[] = ['cart', 'order', 'stock', 'payment', 'shipment', 'product', 'customer', 'seller']

/** The beginning of what is told of. */
export const NOW = Date.now()

/** Numbers that are the same each time. */
export function numbers(seed = 42): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

export const hex = (value: number, length: number): string => Math.floor(value).toString(16).padStart(length, '0').slice(-length)
