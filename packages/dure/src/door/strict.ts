import type { Issue } from '../contract/contract.ts'
import { isWithin, type ArrayVariant, type ObjectVariant, type Type, type Variant } from '../contract/internal.ts'

/** Adds an issue for every field of a JSON value that its type does not name; `path` is as it was when it returns. */
export type StrictCheck = (value: unknown, path: (string | number)[], issues: Issue[]) => void

/**
 * Compiles a check for fields nobody asked for: schemas drop them in silence, and a client that misspells
 * an optional field would never know. Undefined when the type has no closed object in it.
 */
export function strictCheck(root: Type): StrictCheck | undefined {
  const made = new Map<readonly Variant[], { check: StrictCheck | undefined }>()
  return compile(root)

  function compile({ variants }: Type): StrictCheck | undefined {
    const known = made.get(variants)
    // Met again while it is being made: a recursive type. What it will be is looked up when it runs.
    if (known !== undefined) return (value, path, issues) => known.check?.(value, path, issues)
    const slot: { check: StrictCheck | undefined } = { check: undefined }
    made.set(variants, slot)
    const checks = variants.map((variant) => ({ variant, check: checkOf(variant) }))
    if (checks.some(({ check }) => check !== undefined))
      slot.check = checks.length === 1 ? checks[0]!.check : alternatives(checks)
    return slot.check
  }

  function checkOf(variant: Variant): StrictCheck | undefined {
    if (variant.kind === 'object') return object(variant)
    if (variant.kind === 'array' || variant.kind === 'set') return array(variant.prefix, variant.items)
    return variant.kind === 'map' ? each(array([variant.key, variant.value], undefined)) : undefined
  }

  function object({ fields, rest, schema }: ObjectVariant): StrictCheck | undefined {
    const closed = rest === undefined && schema['properties'] !== undefined
    const checks = new Map([...fields].map(([name, field]) => [name, compile(field)]))
    const others = rest && compile(rest)
    if (!closed && others === undefined && [...checks.values()].every((check) => check === undefined)) return undefined
    return (value, path, issues) => {
      if (!isObject(value)) return
      for (const name of Object.keys(value)) {
        const isKnown = checks.has(name)
        const check = isKnown ? checks.get(name) : others
        if (check !== undefined) within(check, value[name], name, path, issues)
        else if (closed && !isKnown) issues.push({ path: [...path, name], message: unknownField(name, checks.keys()) })
      }
    }
  }

  function array(prefix: readonly Type[], items: Type | undefined): StrictCheck | undefined {
    const first = prefix.map(compile)
    const rest = items && compile(items)
    if (rest === undefined && first.every((check) => check === undefined)) return undefined
    return (value, path, issues) => {
      if (!Array.isArray(value)) return
      for (let i = 0; i < value.length; i++) {
        const check = i < first.length ? first[i] : rest
        if (check !== undefined) within(check, value[i], i, path, issues)
      }
    }
  }
}

/** One path for all of a value: nothing is made for what is in order. */
function within(check: StrictCheck, value: unknown, key: string | number, path: (string | number)[], issues: Issue[]): void {
  path.push(key)
  check(value, path, issues)
  path.pop()
}

type Alternative = { readonly variant: Variant; readonly check: StrictCheck | undefined }

function alternatives(all: readonly Alternative[]): StrictCheck {
  // Where more than one may be meant, one that will not take the value must not excuse a field that the others do not know.
  const meant = (value: unknown): readonly Alternative[] => {
    const possible = all.filter(({ variant }) => mayBe(variant, value))
    const fitting = possible.length < 2 ? [] : possible.filter(({ variant }) => fits(variant, value, 0))
    return fitting.length > 0 ? fitting : possible
  }
  return (value, path, issues) => {
    let fewest: Issue[] | undefined
    for (const { check } of meant(value)) {
      const found: Issue[] = []
      check?.(value, path, found)
      if (found.length === 0) return
      if (fewest === undefined || found.length < fewest.length) fewest = found
    }
    if (fewest !== undefined) issues.push(...fewest)
  }
}

/** Of a map, which is a list of pairs. */
function each(pair: StrictCheck | undefined): StrictCheck | undefined {
  return (
    pair && ((value, path, issues) => Array.isArray(value) && value.forEach((one, at) => within(pair, one, at, path, issues)))
  )
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whether a variant can be meant: neither its type nor its fixed fields (`type: "card"`) say otherwise. */
function mayBe(variant: Variant, value: unknown): boolean {
  const { kind } = variant
  if (kind === 'unknown' || kind === 'opaque') return true
  if (Array.isArray(value)) return kind === 'array' || kind === 'set' || kind === 'map'
  if (!isObject(value)) return typeof value === JSON_TYPES[kind] || (value === null && kind === 'null')
  if (kind !== 'object') return false
  return [...variant.fields].every(([name, { variants }]) => {
    const literal = variants.length === 1 ? variants[0]!.literal : undefined
    return literal === undefined || value[name] === literal
  })
}

/** What is written as text, and what as itself. */
const JSON_TYPES: Readonly<Partial<Record<Variant['kind'], string>>> = {
  string: 'string',
  date: 'string',
  bigint: 'string',
  bytes: 'string',
  number: 'number',
  integer: 'number',
  boolean: 'boolean',
}

/** Whether a JSON value is of a type, extra fields aside. */
export const fitsType = (type: Type, value: unknown): boolean => fitsOne(type, value, 0)

const fitsOne = ({ variants }: Type, value: unknown, depth: number): boolean =>
  depth > 32 || variants.some((variant) => fits(variant, value, depth))

/** Whether a JSON value is what a variant describes, extra fields aside. */
function fits(variant: Variant, value: unknown, depth: number): boolean {
  const { literal } = variant
  if (!mayBe(variant, value) || (literal !== undefined && literal !== value)) return false
  const inside = (type: Type | undefined, part: unknown): boolean => type === undefined || fitsOne(type, part, depth + 1)
  if (variant.kind === 'object') {
    const { fields, required, rest } = variant
    const parts = Object.entries(value as object)
    return (
      [...required].every((name) => Object.hasOwn(value as object, name)) &&
      parts.every(([name, part]) => inside(fields.get(name) ?? rest, part))
    )
  }
  if (Array.isArray(value)) {
    if (!isWithin(value, variant)) return false
    if (variant.kind === 'map') return value.every((pair) => inside(variant.key, pair?.[0]) && inside(variant.value, pair?.[1]))
    const { prefix, items } = variant as ArrayVariant
    return value.every((part, at) => inside(prefix[at] ?? items, part))
  }
  if (variant.kind === 'integer' && !Number.isInteger(value)) return false
  return (typeof value !== 'string' && typeof value !== 'number') || isWithin(value, variant)
}

function unknownField(name: string, known: Iterable<string>): string {
  const names = [...known]
  const meant = names.find((other) => other.toLowerCase() === name.toLowerCase())
  if (meant !== undefined) return `Unknown field; "${meant}" is meant, perhaps`
  if (names.length === 0) return 'Unknown field; no fields are expected'
  const shown = names.slice(0, 12).join(', ')
  return `Unknown field; known are: ${shown}${names.length > 12 ? ', …' : ''}`
}
