import { createHash } from 'node:crypto'

type Rule = { readonly separator: '_' | ' '; readonly other: RegExp; readonly longest: number }

/** Bytes of a name, at most, and what it may be made of. A slot's leaves room for the `_new` of one that is being made. */
const RULES: Readonly<Record<'slot' | 'publication' | 'application', Rule>> = {
  slot: { separator: '_', other: /[^a-z0-9_]/g, longest: 59 },
  publication: { separator: '_', other: /[^a-z0-9_]/g, longest: 63 },
  application: { separator: ' ', other: /[^ -~]/g, longest: 63 },
}

/** Bytes of the sum behind a name that cannot be told from others by its words alone. */
const SUM = 16
const SUMMED = /_[0-9a-f]{16}$/

/**
 * The name of something on the server that is shared with others, made of these parts: other parts, another name. Where the parts
 * alone say it (none holds the separator, a letter that is not allowed, or is too long), they are the name.
 */
export function uniqueName(kind: keyof typeof RULES, ...parts: readonly string[]): string {
  const { separator, other, longest } = RULES[kind]
  const given = parts.join(separator)
  const allowed = (separator === '_' ? given.toLowerCase() : given).replaceAll(other, '_')
  const distinct = parts.every((part) => part !== '' && !part.includes(separator)) && !SUMMED.test(given)
  if (distinct && allowed === given && given.length <= longest) return given
  const sum = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, SUM)
  return `${allowed.slice(0, longest - SUM - 1)}_${sum}`
}
