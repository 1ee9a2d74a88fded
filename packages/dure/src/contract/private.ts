/**
 * What never leaves: fields that a schema marks are taken out of whatever is shown, logged or exported. One place does it for all
 * exits, on the JSON form of a value.
 */
import { drawing } from './json-schema.ts'
import type { AnySchema, JsonSchema, Side } from './schema.ts'
import type { Type, Variant } from './type.ts'
import { typeOf } from './type-of.ts'
import { TAG } from './unknown.ts'

/** Why a field does not leave. */
export type Privacy = 'secret' | 'personal'

/**
 * Marks a field that is about a person: `z.email().meta(PERSONAL)`. It is not written to logs and spans, nor shown in dead letters
 * and stories.
 *
 * @example
 * ```ts
 * import { event, PERSONAL } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const Registered = event('customer.registered', {
 *   schema: z.object({ id: z.string(), email: z.email().meta(PERSONAL) }),
 *   key: ({ id }) => id,
 * })
 * console.log(Registered.name, Object.keys(PERSONAL)) // → customer.registered [ 'x-personal' ]
 * ```
 */
export const PERSONAL: { readonly 'x-personal': true } = Object.freeze({ 'x-personal': true })

/**
 * The same of a field that opens something: a password, a token, a number of a card.
 *
 * @example
 * ```ts
 * import { SECRET } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const Login = z.object({ name: z.string(), password: z.string().meta(SECRET) })
 * console.log(JSON.stringify(z.toJSONSchema(Login).properties?.password)) // → {"type":"string","x-secret":true}
 * ```
 */
export const SECRET: { readonly 'x-secret': true } = Object.freeze({ 'x-secret': true })

/** What stands in the place of a value. */
export const hiddenText = (privacy: Privacy): string => `[${privacy}]`

/** The marked positions of one schema. */
export type PrivateFields = {
  /** A copy of a JSON form with every marked value replaced by `[secret]` or `[personal]`; parts without any are shared. */
  readonly redact: (json: unknown) => unknown
  /** The texts and numbers that stand at marked positions, for whoever looks for them elsewhere. */
  readonly values: (json: unknown) => readonly Found[]
  /** A redacted JSON form that somebody has changed, with what is still hidden in it as it was in the original. */
  readonly restore: (changed: unknown, original: unknown) => unknown
  /** Names of the marked fields. */
  readonly names: ReadonlyMap<string, Privacy>
}

export type Found = { readonly text: string; readonly privacy: Privacy }

const compiled: Record<Side, WeakMap<AnySchema, { readonly fields: PrivateFields | undefined }>> = {
  input: new WeakMap(),
  output: new WeakMap(),
}

/** Undefined when the schema marks nothing, as nearly all do: then nothing needs to be looked at. */
export function privateFieldsOf(schema: AnySchema | undefined, side: Side): PrivateFields | undefined {
  if (schema === undefined) return undefined
  let known = compiled[side].get(schema)
  if (known === undefined) {
    known = { fields: compile(drawing(schema, side).annotated) }
    compiled[side].set(schema, known)
  }
  return known.fields
}

function compile(schema: JsonSchema): PrivateFields | undefined {
  if (!isMarked(schema)) return undefined
  const marks = marksOf(typeOf(schema))
  return {
    redact: (json) => walk(marks, { json, other: undefined, put: (_, privacy) => hiddenText(privacy) }),
    values: (json) => {
      const found: Found[] = []
      const put = (value: unknown, privacy: Privacy): unknown => {
        for (const text of textsIn(value)) found.push({ text, privacy })
        return value
      }
      walk(marks, { json, other: undefined, put })
      return found
    },
    restore: (changed, original) =>
      walk(marks, {
        json: changed,
        other: original,
        put: (value, privacy, before) => (value === hiddenText(privacy) ? before : value),
      }),
    names: namesOf(marks),
  }
}

const isMarked = (schema: unknown): boolean =>
  /"(?:x-personal|x-secret|writeOnly)":true|"format":"password"/.test(JSON.stringify(schema))

/** What is marked at one position, and below it. Several where a schema has alternatives: what one of them marks is marked. */
type Marks = {
  own: Privacy | undefined
  readonly fields: Map<string, Marks[]>
  readonly rest: Marks[]
  readonly items: Marks[]
  readonly prefix: Map<number, Marks[]>
}

function marksOf(root: Type): Marks {
  const known = new Map<Type, Marks>()
  const list = <K>(map: Map<K, Marks[]>, key: K): Marks[] => map.get(key) ?? (map.set(key, []), map.get(key)!)
  const at = (type: Type): Marks => {
    const before = known.get(type)
    if (before !== undefined) return before
    const marks: Marks = { own: privacyOf(type.schema), fields: new Map(), rest: [], items: [], prefix: new Map() }
    known.set(type, marks)
    for (const variant of type.variants) add(marks, variant)
    return marks
  }
  const add = (marks: Marks, variant: Variant): void => {
    // Where it cannot be said which part is marked, all of it is.
    marks.own ??= privacyOf(variant.schema) ?? (variant.kind === 'opaque' && isMarked(variant.schema) ? 'personal' : undefined)
    switch (variant.kind) {
      case 'object':
        for (const [name, type] of variant.fields) list(marks.fields, name).push(at(type))
        if (variant.rest !== undefined) marks.rest.push(at(variant.rest))
        break
      case 'array':
      case 'set':
        for (const [i, type] of variant.prefix.entries()) list(marks.prefix, i).push(at(type))
        if (variant.items !== undefined) marks.items.push(at(variant.items))
        break
      case 'map': {
        // In JSON a map is a list of pairs.
        const pair: Marks = { own: undefined, fields: new Map(), rest: [], items: [], prefix: new Map() }
        list(pair.prefix, 0).push(at(variant.key))
        list(pair.prefix, 1).push(at(variant.value))
        marks.items.push(pair)
        break
      }
      default:
    }
  }
  return at(root)
}

function privacyOf(schema: JsonSchema): Privacy | undefined {
  // What OpenAPI has for it counts as well.
  if (schema['x-secret'] === true || schema.writeOnly === true || schema.format === 'password') return 'secret'
  if (schema['x-personal'] === true) return 'personal'
  for (const parts of [schema.anyOf, schema.oneOf, schema.allOf]) {
    if (!Array.isArray(parts)) continue
    const found = (parts as readonly JsonSchema[]).map(privacyOf).find((one) => one !== undefined)
    if (found !== undefined) return found
  }
  return undefined
}

type Step = {
  readonly json: unknown
  /** What stands there in another value of the same schema. */
  readonly other: unknown
  readonly put: (value: unknown, privacy: Privacy, other: unknown) => unknown
}

/** Puts something in the place of every marked value; what has none below it is shared. */
function walk(marks: Marks, { json, other, put }: Step): unknown {
  if (json === undefined || json === null) return json
  if (marks.own !== undefined) return put(json, marks.own, other)
  if (typeof json !== 'object') return json
  const all = (each: readonly Marks[], value: unknown, before: unknown): unknown =>
    each.reduce((held, one) => walk(one, { json: held, other: before, put }), value)
  if (Array.isArray(json)) {
    const others: readonly unknown[] = Array.isArray(other) ? other : []
    return sharing(
      json,
      json.map((value, i) => all(marks.prefix.get(i) ?? marks.items, value, others[i])),
    )
  }
  const before = (typeof other === 'object' && other !== null ? other : {}) as Readonly<Record<string, unknown>>
  // In a position whose alternatives JSON cannot tell apart, a map or a set bears its name.
  if (Object.hasOwn(json, TAG)) {
    const { value } = json as { readonly value?: unknown }
    const inside = walk(marks, { json: value, other: before['value'], put })
    return inside === value ? json : { ...json, value: inside }
  }
  const entries = Object.entries(json)
  const changed = entries.map(([name, value]) => all(marks.fields.get(name) ?? marks.rest, value, before[name]))
  if (entries.every(([, value], i) => value === changed[i])) return json
  // Object.fromEntries keeps a key called __proto__ a key.
  return Object.fromEntries(entries.map(([name], i) => [name, changed[i]]))
}

function sharing(before: readonly unknown[], after: readonly unknown[]): readonly unknown[] {
  return before.every((value, i) => value === after[i]) ? before : after
}

function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string' || typeof value === 'number') yield String(value)
  else if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) yield* textsIn(part)
}

function namesOf(root: Marks): ReadonlyMap<string, Privacy> {
  const names = new Map<string, Privacy>()
  const seen = new Set<Marks>()
  const visit = (marks: Marks): void => {
    if (seen.has(marks)) return
    seen.add(marks)
    for (const [name, each] of marks.fields) {
      const own = each.find((one) => one.own !== undefined)?.own
      if (own !== undefined) names.set(name, own)
      each.forEach(visit)
    }
    for (const each of [marks.rest, marks.items, ...marks.prefix.values()]) each.forEach(visit)
  }
  visit(root)
  return names
}

/** Texts shorter than this are found by chance everywhere. */
const SHORTEST = 3

/** A text with every one of these replaced, longest first, as one may be part of another. */
export function withoutValues(text: string, found: readonly Found[]): string {
  const known = found.filter((one) => one.text.length >= SHORTEST && text.includes(one.text))
  return known
    .toSorted((a, b) => b.text.length - a.text.length)
    .reduce((left, one) => left.replaceAll(one.text, hiddenText(one.privacy)), text)
}
