import { pascal } from 'dure/contract/internal'

/** `orders`, `place` → `ordersPlace` */
export function camel(...words: readonly string[]): string {
  const name = pascal(...words)
  return name.charAt(0).toLowerCase() + name.slice(1)
}
