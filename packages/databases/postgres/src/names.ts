import { createHash, createHmac } from 'node:crypto'

type Rule = {
  readonly separator: '_' | ' '
  readonly other: RegExp
  /** Bytes of a name. A slot's leaves room for the `_new` of one that is being made. */
  readonly longest: number
  /** Whether the parts do not say it by themselves, beside a separator in one of them. */
  readonly mistakable?: (parts: readonly string[]) => boolean
}

const RULES: Readonly<Record<'slot' | 'publication' | 'application' | 'role', Rule>> = {
  slot: { separator: '_', other: /[^a-z0-9_]/g, longest: 59 },
  publication: { separator: '_', other: /[^a-z0-9_]/g, longest: 63 },
  application: { separator: ' ', other: /[^ -~]/g, longest: 63 },
  // Of a service, after its database, whose name ends at the last separator; `_log` behind it is the role of its log relay.
  role: { separator: '_', other: /(?!)/g, longest: 63, mistakable: ([, service]) => service === 'log' },
}

/** Bytes of the sum behind a name that cannot be told from others by its words alone. */
const SUM = 16
const SUMMED = /_[0-9a-f]{16}$/

/** How all names begin that have these parts first and are of others behind them; those of other parts may begin so as well. */
export function beginningOf(kind: keyof typeof RULES, ...parts: readonly string[]): string {
  const { separator, other, longest } = RULES[kind]
  return `${parts.join(separator)}${separator}`.replaceAll(other, '_').slice(0, longest - SUM - 1)
}

/**
 * The name of something on the server that is shared with others, made of these parts: other parts, another name. Where the parts
 * alone say it (none holds the separator, a letter that is not allowed, or is too long), they are the name.
 */
export function uniqueName(kind: keyof typeof RULES, ...parts: readonly string[]): string {
  const { separator, other, longest, mistakable = () => false } = RULES[kind]
  const given = parts.join(separator)
  const allowed = (kind === 'slot' || kind === 'publication' ? given.toLowerCase() : given).replaceAll(other, '_')
  // What a role's name begins with may hold the separator.
  const distinct = parts.slice(kind === 'role' ? 1 : 0).every((part) => part !== '' && !part.includes(separator))
  const plain = distinct && !mistakable(parts) && !SUMMED.test(given)
  if (plain && allowed === given && Buffer.byteLength(given) <= longest) return given
  // Roles and databases that are merely long have had this sum from the first version on.
  const old = kind === 'role' && plain
  const summed = old ? createHmac('sha256', 'dure/name').update(given) : createHash('sha256').update(JSON.stringify(parts))
  const sum = summed.digest('hex').slice(0, SUM)
  let head = allowed.slice(0, longest - SUM - 1)
  while (Buffer.byteLength(head) > longest - SUM - 1) head = head.slice(0, -1)
  return `${head.toWellFormed()}_${sum}`
}
