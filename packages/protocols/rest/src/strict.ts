import type { Issue } from 'dure/contract'

/** JSON Schema 2020-12, as contracts draw it. */
export type JsonSchema = { readonly [keyword: string]: unknown }

/** Adds an issue for every field of a JSON value that its schema does not name. */
export type StrictCheck = (value: unknown, path: readonly (string | number)[], issues: Issue[]) => void

/**
 * Compiles a check for fields nobody asked for: schemas drop them in silence, and a client that misspells
 * an optional field would never know. Undefined when the schema has no closed object in it.
 */
export function strictCheck(root: JsonSchema): StrictCheck | undefined {
  const made = new Map<unknown, { check: StrictCheck | undefined }>()

  const compile = (schema: unknown): StrictCheck | undefined => {
    if (!isSchema(schema)) return undefined
    const known = made.get(schema)
    // Met again while it is being made: a recursive schema. What it will be is looked up when it runs.
    if (known !== undefined) return (value, path, issues) => known.check?.(value, path, issues)
    const slot: { check: StrictCheck | undefined } = { check: undefined }
    made.set(schema, slot)
    slot.check = together([
      reference(schema),
      object(schema),
      array(schema),
      alternatives(schema['anyOf']),
      alternatives(schema['oneOf']),
      every(schema['allOf']),
    ])
    return slot.check
  }

  const reference = (schema: JsonSchema): StrictCheck | undefined => {
    const { $ref } = schema as { $ref?: unknown }
    return typeof $ref === 'string' ? compile(resolveReference(root, $ref)) : undefined
  }

  const object = (schema: JsonSchema): StrictCheck | undefined => {
    const { properties, additionalProperties } = schema as { properties?: JsonSchema; additionalProperties?: unknown }
    const closed = properties !== undefined && (additionalProperties === undefined || additionalProperties === false)
    const fields = new Map(Object.entries(properties ?? {}).map(([name, field]) => [name, compile(field)]))
    const rest = compile(additionalProperties)
    if (!closed && rest === undefined && [...fields.values()].every((check) => check === undefined)) return undefined
    return (value, path, issues) => {
      if (!isObject(value)) return
      for (const name of Object.keys(value)) {
        const check = fields.get(name)
        if (check !== undefined) check(value[name], [...path, name], issues)
        else if (fields.has(name)) continue
        else if (closed) issues.push({ path: [...path, name], message: unknownField(name, fields.keys()) })
        else rest?.(value[name], [...path, name], issues)
      }
    }
  }

  const array = (schema: JsonSchema): StrictCheck | undefined => {
    const first = (Array.isArray(schema['prefixItems']) ? schema['prefixItems'] : []).map(compile)
    const rest = compile(schema['items'])
    if (rest === undefined && first.every((check) => check === undefined)) return undefined
    return (value, path, issues) => {
      if (!Array.isArray(value)) return
      for (let i = 0; i < value.length; i++) (i < first.length ? first[i] : rest)?.(value[i], [...path, i], issues)
    }
  }

  const alternatives = (list: unknown): StrictCheck | undefined => {
    if (!Array.isArray(list)) return undefined
    const variants = list.map((schema) => ({ schema, matches: discriminator(root, schema), check: compile(schema) }))
    if (variants.every(({ check }) => check === undefined)) return undefined
    // Where more than one may be meant, one that will not take the value must not excuse a field that the others do not know.
    const meant = (value: unknown): typeof variants => {
      const possible = variants.filter(({ matches }) => matches(value))
      const fitting = possible.length < 2 ? [] : possible.filter(({ schema }) => fits(root, schema, value))
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

  // Each part of an intersection names some of the fields: only what every part finds unknown is unknown.
  const every = (list: unknown): StrictCheck | undefined => {
    if (!Array.isArray(list)) return undefined
    const checks = list.map(compile)
    if (checks.some((check) => check === undefined)) return undefined
    return (value, path, issues) => {
      const found = checks.map((check) => {
        const own: Issue[] = []
        check!(value, path, own)
        return own
      })
      const key = (issue: Issue): string => JSON.stringify(issue.path)
      const sets = found.slice(1).map((own) => new Set(own.map(key)))
      issues.push(...(found[0] ?? []).filter((issue) => sets.every((set) => set.has(key(issue)))))
    }
  }

  return compile(root)
}

/** Follows `#/$defs/…`; undefined when it leads nowhere. */
export function resolveReference(root: JsonSchema, reference: string): unknown {
  if (!reference.startsWith('#')) return undefined
  let target: unknown = root
  for (const part of reference.slice(1).split('/').filter(Boolean)) {
    const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
    target = isSchema(target) ? target[name] : undefined
  }
  return target
}

export const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whether a variant can be meant: neither its type nor its fixed fields (`type: "card"`) say otherwise. */
function discriminator(root: JsonSchema, variant: unknown): (value: unknown) => boolean {
  const target = isSchema(variant) && typeof variant['$ref'] === 'string' ? resolveReference(root, variant['$ref']) : variant
  if (!isSchema(target)) return () => true
  const types = target['type'] === undefined ? undefined : [target['type']].flat()
  const properties = isSchema(target['properties']) ? target['properties'] : {}
  const fixed = Object.entries(properties).flatMap(([name, field]) =>
    isSchema(field) && 'const' in field ? [{ name, is: field['const'] }] : [],
  )
  return (value) => {
    if (isObject(value)) return (types?.includes('object') ?? true) && fixed.every(({ name, is }) => value[name] === is)
    if (Array.isArray(value)) return types?.includes('array') ?? true
    return types === undefined || types.some((type) => type !== 'object' && type !== 'array')
  }
}

/** Whether a JSON value is what a schema describes, extra fields aside. */
function fits(root: JsonSchema, schema: unknown, value: unknown, depth: number = 0): boolean {
  if (!isSchema(schema) || depth > 32 || schema['x-dure-type'] === 'unknown') return schema !== false
  const inside = (part: unknown, of: unknown): boolean => fits(root, part, of, depth + 1)
  const { $ref, type, properties, required, items, prefixItems } = schema
  if (typeof $ref === 'string') return inside(resolveReference(root, $ref), value)
  if ('const' in schema && schema['const'] !== value) return false
  if (Array.isArray(schema['enum']) && !schema['enum'].includes(value)) return false
  for (const [keyword, enough] of [
    ['anyOf', 'some'],
    ['oneOf', 'some'],
    ['allOf', 'every'],
  ] as const) {
    const list = schema[keyword]
    if (Array.isArray(list) && !list[enough]((part) => inside(part, value))) return false
  }
  if (type !== undefined && ![type].flat().some((one) => one === typeOf(value) || (one === 'integer' && Number.isInteger(value))))
    return false
  if (Array.isArray(value)) {
    const first: readonly unknown[] = Array.isArray(prefixItems) ? prefixItems : []
    if (!within(schema, value.length, 'minItems', 'maxItems')) return false
    return value.every((part, at) => inside(at < first.length ? first[at] : items, part))
  }
  if (isObject(value)) {
    const known = isSchema(properties) ? properties : {}
    if (Array.isArray(required) && !required.every((name: string) => Object.hasOwn(value, name))) return false
    return Object.entries(value).every(([name, part]) =>
      inside(Object.hasOwn(known, name) ? known[name] : schema['additionalProperties'] || undefined, part),
    )
  }
  if (typeof value === 'string')
    return (
      within(schema, value.length, 'minLength', 'maxLength') &&
      (typeof schema['pattern'] !== 'string' || new RegExp(schema['pattern'], 'u').test(value))
    )
  return typeof value !== 'number' || within(schema, value, 'minimum', 'maximum')
}

const within = (schema: JsonSchema, size: number, least: string, most: string): boolean =>
  !(size < Number(schema[least] ?? -Infinity)) && !(size > Number(schema[most] ?? Infinity))

const typeOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value)

function together(checks: readonly (StrictCheck | undefined)[]): StrictCheck | undefined {
  const present = checks.filter((check) => check !== undefined)
  if (present.length < 2) return present[0]
  return (value, path, issues) => present.forEach((check) => check(value, path, issues))
}

function unknownField(name: string, known: Iterable<string>): string {
  const names = [...known]
  const meant = names.find((other) => other.toLowerCase() === name.toLowerCase())
  if (meant !== undefined) return `Unknown field; "${meant}" is meant, perhaps`
  if (names.length === 0) return 'Unknown field; no fields are expected'
  const shown = names.slice(0, 12).join(', ')
  return `Unknown field; known are: ${shown}${names.length > 12 ? ', …' : ''}`
}
