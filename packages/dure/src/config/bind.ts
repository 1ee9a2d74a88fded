import type { AnySchema, JsonSchema } from '../contract/contract.ts'
import { shown } from '../contract/internal.ts'
import type { ConfigProblem } from './errors.ts'
import { keyAt, partsOf } from './key.ts'
import type { ConfigScalar } from './source.ts'

/** What a schema asks of its input, as far as it can draw itself. */
export function askedBy(schema: AnySchema): JsonSchema {
  return shown(schema, 'input')
}

type Node = { value?: ConfigScalar; readonly below: Map<string | number, Node> }

/** The values below a key as one value, as the schema asks for them. */
export function bind(
  values: Iterable<readonly [key: string, value: ConfigScalar]>,
  prefix: string,
  asked: JsonSchema,
): { readonly value: unknown; readonly problems: readonly ConfigProblem[]; readonly unknown: readonly string[] } {
  const root: Node = { below: new Map() }
  const problems: ConfigProblem[] = []
  const unknown: string[] = []
  for (const [key, value] of values) {
    if (!key.startsWith(`${prefix}.`)) continue
    const parts = partsOf(key.slice(prefix.length + 1))
    if (parts === undefined) {
      problems.push({ key, why: 'it is no key: give names with dots between them, and places in lists as [0]' })
      continue
    }
    let at = root
    for (const part of parts) {
      const next = at.below.get(part) ?? { below: new Map() }
      at.below.set(part, next)
      at = next
    }
    at.value = value
  }
  const make = ({ value, below }: Node, schema: JsonSchema | undefined, key: string): unknown => {
    if (below.size === 0) return fitted(value ?? null, schema, asked)
    const names = [...below.keys()]
    const places = names.filter((name) => typeof name === 'number')
    if (places.length === 0)
      return Object.fromEntries(
        names.map((name) => {
          const inner = schema === undefined ? undefined : partOf(schema, name as string, asked)
          const at = keyAt(key, name as string)
          if (inner === undefined && schema !== undefined) unknown.push(at)
          return [name, make(below.get(name)!, inner, at)]
        }),
      )
    const gap = Array.from(below, (_, at) => at).find((at) => !below.has(at))
    if (gap !== undefined) {
      problems.push({
        key,
        why:
          places.length < names.length
            ? 'it has names and places in a list; keep one of them'
            : `it is a list without its [${gap}]`,
      })
      return []
    }
    return Array.from(below, (_, at) =>
      make(below.get(at)!, schema === undefined ? undefined : partOf(schema, at, asked), `${key}[${at}]`),
    )
  }
  const value = root.below.size === 0 ? {} : make(root, asked, prefix)
  return { value, problems, unknown }
}

/** All that a schema may mean at a place: itself, or its alternatives. */
function meant(schema: JsonSchema, root: JsonSchema, depth: number = 0): readonly JsonSchema[] {
  if (depth > 20) return []
  const { $ref, anyOf, oneOf, allOf } = schema
  const lists = [anyOf, oneOf, allOf].flatMap((one) => (Array.isArray(one) ? (one as JsonSchema[]) : []))
  const target = typeof $ref === 'string' ? targetOf($ref, root) : undefined
  return [schema, ...lists, ...(target === undefined ? [] : [target])].flatMap((one) =>
    one === schema ? [one] : meant(one, root, depth + 1),
  )
}

function targetOf(ref: string, root: JsonSchema): JsonSchema | undefined {
  if (!ref.startsWith('#')) return undefined
  let at: unknown = root
  for (const part of ref.slice(1).split('/').slice(1))
    at = (at as Record<string, unknown> | undefined)?.[part.replaceAll('~1', '/').replaceAll('~0', '~')]
  return typeof at === 'object' && at !== null ? (at as JsonSchema) : undefined
}

/** Of a member; `{}` where anything may be, undefined where it is not named. */
function partOf(schema: JsonSchema, part: string | number, root: JsonSchema): JsonSchema | undefined {
  const all = meant(schema, root)
  for (const { properties, additionalProperties, items, prefixItems } of all) {
    const found: unknown =
      typeof part === 'number'
        ? ((prefixItems as readonly unknown[] | undefined)?.[part] ?? items)
        : Object.hasOwn((properties ?? {}) as object, part)
          ? (properties as Record<string, unknown>)[part]
          : additionalProperties
    if (typeof found === 'object' && found !== null) return found as JsonSchema
    if (found === true) return {}
  }
  const says = all.some(({ properties, type }) => properties !== undefined || type !== undefined)
  return says ? undefined : {}
}

/** A text as what is asked for, where it is one of that: the one place where texts become numbers and truths. */
function fitted(value: ConfigScalar, schema: JsonSchema | undefined, root: JsonSchema): unknown {
  if (schema === undefined || typeof value !== 'string') return value
  const all = meant(schema, root)
  const choices = all.flatMap((one) => (Array.isArray(one.enum) ? (one.enum as unknown[]) : 'const' in one ? [one.const] : []))
  if (choices.includes(value)) return value
  const choice = choices.find((one) => typeof one !== 'object' && String(one) === value)
  if (choice !== undefined) return choice
  const types = new Set(all.flatMap(({ type }) => (type === undefined ? [] : ([type].flat() as string[]))))
  if (types.has('string')) return value
  if ((types.has('number') || types.has('integer')) && /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(value))
    return Number(value)
  if (types.has('boolean') && (value === 'true' || value === 'false')) return value === 'true'
  if (value === '') return types.has('array') ? [] : types.has('object') ? {} : types.has('null') ? null : value
  return value
}

/** The keys that a schema names, below a prefix; `[0]` for those in lists. */
export function keysOf(asked: JsonSchema, prefix: string): readonly string[] {
  const keys: string[] = []
  const walk = (schema: JsonSchema, key: string, depth: number): void => {
    if (depth > 10 || keys.length > 10_000) return
    const before = keys.length
    for (const { properties, items } of meant(schema, asked)) {
      for (const [name, inner] of Object.entries((properties ?? {}) as Record<string, JsonSchema>))
        walk(inner, keyAt(key, name), depth + 1)
      if (typeof items === 'object' && items !== null) walk(items as JsonSchema, `${key}[0]`, depth + 1)
    }
    if (keys.length === before) keys.push(key)
  }
  walk(asked, prefix, 0)
  return keys
}
