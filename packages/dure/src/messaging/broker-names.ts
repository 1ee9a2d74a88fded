import { CallError } from '../contract/contract.ts'

/** What a broker allows in the names of what it keeps. */
export type NameRules = {
  /** The broker, for the words of a refusal: `Kafka`. */
  readonly broker: string
  /** Matches one allowed character. Letters, digits and the low line have to be among them. */
  readonly allowed: RegExp
  /** Characters of a name, at most: of those, the adapter may keep some for a prefix of its own. */
  readonly most: number
}

/** What stands for a character that is not allowed: its code point in hexadecimal digits. */
const ESCAPED = /_x([0-9a-f]{1,6})_/g

/**
 * A name of ours as one that a broker allows; `nameFrom` reads it back. Names that are allowed stay as they are, so that what
 * others call their topics is called so here as well. `order/bill` becomes `order_x2f_bill`.
 *
 * @throws {CallError} INVALID_ARGUMENT when it is too long for the broker
 *
 * @example
 * ```ts
 * import { nameFor, nameFrom } from 'dure/messaging/adapter'
 *
 * const rules = { broker: 'NATS', allowed: /[A-Za-z0-9_-]/, most: 200 }
 * console.log(nameFor('group', 'billing/order.placed', rules)) // → billing_x2f_order_x2e_placed
 * console.log(nameFrom('billing_x2f_order_x2e_placed')) // → billing/order.placed
 * ```
 */
export function nameFor(what: 'topic' | 'queue' | 'group', name: string, { broker, allowed, most }: NameRules): string {
  const characters = [...name]
  const isAllowed = characters.map((one) => allowed.test(one))
  // Names of dots alone mean folders.
  if (/^\.+$/.test(name)) isAllowed[0] = false
  /** Whether this low line would be read as the beginning of what stands for a character. */
  const opens = (at: number): boolean => {
    if (characters[at + 1] !== 'x') return false
    let end = at + 2
    while (end < characters.length && /[0-9a-f]/.test(characters[end]!)) end++
    return end > at + 2 && end < characters.length && (characters[end] === '_' || isAllowed[end] === false)
  }
  const written = characters
    .map((one, at) => (isAllowed[at] && !(one === '_' && opens(at)) ? one : `_x${one.codePointAt(0)!.toString(16)}_`))
    .join('')
  if (written.length <= most) return written
  throw new CallError(
    'INVALID_ARGUMENT',
    `Cannot use "${name.slice(0, 80)}" as the name of a ${what}: with the characters that ${broker} allows it has ${written.length}, and ${most} are allowed; use a shorter name`,
  )
}

/**
 * The name that `nameFor` wrote so. A name of others, which it has not written, is itself.
 *
 * @example
 * ```ts
 * import { nameFrom } from 'dure/messaging/adapter'
 *
 * console.log(nameFrom('orders'), nameFrom('shop_x2f_orders')) // → orders shop/orders
 * ```
 */
export function nameFrom(written: string): string {
  return written.replaceAll(ESCAPED, (all, code: string) => {
    const point = Number.parseInt(code, 16)
    return point > 0x10ffff ? all : String.fromCodePoint(point)
  })
}
