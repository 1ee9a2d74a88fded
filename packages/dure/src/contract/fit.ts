/** Whether every value of one schema is a value of another, and if not, where and why not. */
import { boundsOf, looser, literalFits, show } from './bounds.ts'
import type { JsonSchema } from './schema.ts'
import type { ArrayVariant, ObjectVariant, Type, Variant } from './type.ts'
import { typeOf } from './type-of.ts'

/** One reason why values of `from` are not all values of `to`. */
export type Unfit = {
  /** `lines[].quantity`; empty for the value itself. */
  readonly path: string
  readonly kind:
    | 'type' // another type, or a variant that the other side does not have
    | 'missing' // `to` requires a field that `from` does not promise (`gone`: does not have)
    | 'extra' // `from` has a field that `to` does not look at
    | 'closed' // `from` has a field that `to` refuses
    | 'literal' // a value of an enumeration that `to` does not have
    | 'bound' // `to` is bounded more tightly
    | 'default' // no misfit: what stands in for a missing value differs
  readonly from: string
  readonly to: string
}

/** Alternatives of alternatives multiply: pairs that are compared, at most. */
const MOST_STEPS = 100_000

export function unfits(from: JsonSchema, to: JsonSchema): readonly Unfit[] {
  // Pairs under comparison: a recursive type fits if it fits assuming that it does.
  const open: [unknown, unknown][] = []
  let steps = 0
  const found = fit(typeOf(from), typeOf(to), '')
  const seen = new Set<string>()
  return found.filter((each) => {
    const text = JSON.stringify(each)
    return !seen.has(text) && seen.add(text)
  })

  function fit(f: Type, t: Type, path: string): Unfit[] {
    if (++steps > MOST_STEPS)
      return [{ path: '', kind: 'type', from: 'a schema with too many alternatives', to: 'one that can be compared' }]
    if (open.some(([a, b]) => a === f.variants && b === t.variants)) return []
    open.push([f.variants, t.variants])
    try {
      const [was, is] = [f.schema.default, t.schema.default]
      const defaults = JSON.stringify(was) !== JSON.stringify(is)
      return [
        ...split(f.variants, t.variants).flatMap((source) => place(source, t.variants, path)),
        ...(defaults ? [{ path, kind: 'default' as const, from: show(was), to: show(is) }] : []),
      ]
    } finally {
      open.pop()
    }
  }

  /** In arrays, maps, sets and records `undefined` is a value; as a field it is the same as absent. */
  function element(f: Type, t: Type, path: string): Unfit[] {
    const absent = f.optional && !t.optional && !t.variants.some((each) => each.kind === 'unknown')
    return [...(absent ? [{ path, kind: 'type' as const, from: 'undefined', to: 'a value' }] : []), ...fit(f, t, path)]
  }

  /** Where a variant goes on the other side; the reasons of the likeliest place if it goes nowhere. */
  function place(source: Variant, targets: readonly Variant[], path: string): Unfit[] {
    let best: Unfit[] | undefined
    let harmless: Unfit[] | undefined
    for (const target of targets) {
      const reasons = compare(source, target, path)
      if (reasons.length === 0) return []
      if (reasons.every((each) => each.kind === 'extra' || each.kind === 'default')) harmless ??= reasons
      else if (alike(source, target) && (best === undefined || reasons.length < best.length)) best = reasons
    }
    if (harmless !== undefined) return harmless
    if (best !== undefined) return best
    const literals = targets.filter((each) => each.literal !== undefined && each.kind === source.kind)
    if (source.literal !== undefined && literals.length > 0)
      return [{ path, kind: 'literal', from: show(source.literal), to: literals.map((each) => show(each.literal)).join(', ') }]
    return [{ path, kind: 'type', from: nameOf(source), to: [...new Set(targets.map(nameOf))].join(' or ') || 'nothing' }]
  }

  function compare(f: Variant, t: Variant, path: string): Unfit[] {
    if (t.kind === 'unknown') return []
    if (t.kind === 'opaque' || f.kind === 'opaque') return sameOpaque(f, t) ? [] : [different(f, t, path)]
    const numeric = (f.kind === 'integer' || Number.isInteger(f.literal)) && (t.kind === 'number' || t.kind === 'integer')
    if (f.kind !== t.kind && !numeric) return [different(f, t, path)]
    if (t.literal !== undefined)
      return f.literal === t.literal ? [] : [{ path, kind: 'literal', from: nameOf(f), to: show(t.literal) }]
    if (f.literal !== undefined) return literalFits(f, t) ? [] : [{ path, kind: 'bound', from: show(f.literal), to: boundsOf(t) }]
    const reasons: Unfit[] = looser(f, t).map((each) => ({ path, kind: 'bound', ...each }))
    if (f.kind === 'object' && t.kind === 'object') return [...reasons, ...object(f, t, path)]
    if (f.kind === 'map' && t.kind === 'map')
      return [...reasons, ...element(f.key, t.key, `${path}{key}`), ...element(f.value, t.value, `${path}{}`)]
    return 'prefix' in f && 'prefix' in t ? [...reasons, ...list(f, t, path)] : reasons
  }

  /** Where they refer to definitions, those are to be the same as well. */
  function sameOpaque(f: Variant, t: Variant): boolean {
    const text = JSON.stringify(f.schema)
    if (f.kind !== t.kind || text !== JSON.stringify(t.schema)) return false
    return !text.includes('"$ref":') || JSON.stringify(from) === JSON.stringify(to)
  }

  function object(f: ObjectVariant, t: ObjectVariant, path: string): Unfit[] {
    const at = (name: string): string => (path === '' ? name : `${path}.${name}`)
    const reasons: Unfit[] = []
    for (const name of t.required)
      if (!f.required.has(name))
        reasons.push({ path: at(name), kind: 'missing', from: f.fields.has(name) ? 'optional' : 'gone', to: 'required' })
    const patterns = [f, t].map(({ schema }) => JSON.stringify(schema.patternProperties))
    if (patterns[1] !== undefined && patterns[0] !== patterns[1])
      reasons.push({ path, kind: 'type', from: 'an object', to: 'an object with other patterns of names' })
    const [ours, wants] = [f, t].map(({ schema }) => JSON.stringify(schema.propertyNames))
    if (wants !== undefined && (ours !== wants || wants.includes('"$ref":'))) {
      const names: unknown[] = [...f.fields.keys()].map((literal) => ({ const: literal }))
      if (f.rest !== undefined) names.push(f.schema.propertyNames ?? { type: 'string' })
      const wanted = typeOf({ ...(t.schema.propertyNames as JsonSchema), $defs: to.$defs })
      for (const each of names)
        reasons.push(...fit(typeOf({ ...(each as JsonSchema), $defs: from.$defs }), wanted, `${path}{key}`))
    }
    for (const [name, part] of f.fields) {
      const into = t.fields.get(name) ?? t.rest
      if (into !== undefined) reasons.push(...fit(part, into, at(name)))
      else if (t.closed) reasons.push({ path: at(name), kind: 'closed', from: 'there', to: 'refused' })
      else reasons.push({ path: at(name), kind: 'extra', from: f.required.has(name) ? 'required' : 'optional', to: 'gone' })
    }
    if (f.rest === undefined) {
      if (!f.closed && t.closed) reasons.push({ path: `${path}{}`, kind: 'closed', from: 'dropped', to: 'refused' })
      return reasons
    }
    for (const [name, part] of t.fields) if (!f.fields.has(name)) reasons.push(...fit(f.rest, part, at(name)))
    if (t.closed) reasons.push({ path: `${path}{}`, kind: 'closed', from: 'there', to: 'refused' })
    else if (t.rest !== undefined) reasons.push(...element(f.rest, t.rest, `${path}{}`))
    return reasons
  }

  function list(f: ArrayVariant, t: ArrayVariant, path: string): Unfit[] {
    const reasons: Unfit[] = []
    for (let at = 0; at < Math.max(f.prefix.length, t.prefix.length); at++) {
      const [part, into] = [f.prefix[at] ?? f.items, t.prefix[at] ?? t.items]
      // How many there are is a matter of bounds.
      if (part !== undefined && into !== undefined) reasons.push(...element(part, into, `${path}[${at}]`))
    }
    return f.items === undefined || t.items === undefined ? reasons : [...reasons, ...element(f.items, t.items, `${path}[]`)]
  }
}

/** Takes `boolean` apart when the other side names true or false. */
function split(sources: readonly Variant[], targets: readonly Variant[]): readonly Variant[] {
  if (!targets.some((each) => typeof each.literal === 'boolean')) return sources
  return sources.flatMap((each) =>
    each.kind === 'boolean' && each.literal === undefined ? [true, false].map((literal) => ({ ...each, literal })) : [each],
  )
}

/** Whether two variants are meant to be the same one: of one type and, among objects, of one discriminator. */
function alike(f: Variant, t: Variant): boolean {
  if (f.literal !== undefined || t.literal !== undefined)
    return f.literal !== undefined && t.literal === undefined && f.kind === t.kind
  if (f.kind !== t.kind && !(f.kind === 'integer' && t.kind === 'number') && !(f.kind === 'number' && t.kind === 'integer'))
    return false
  if (f.kind !== 'object' || t.kind !== 'object') return true
  return [...f.fields].every(([name, { schema }]) => {
    const wanted = t.fields.get(name)?.schema.const
    return schema.const === undefined || wanted === undefined || schema.const === wanted
  })
}

const different = (f: Variant, t: Variant, path: string): Unfit => ({ path, kind: 'type', from: nameOf(f), to: nameOf(t) })

function nameOf(variant: Variant): string {
  const { kind, literal } = variant
  if (literal !== undefined) return show(literal)
  if (kind === 'unknown') return 'anything'
  if (kind === 'opaque') return 'a combined schema'
  const told = kind === 'object' ? [...variant.fields].find(([, { schema }]) => schema.const !== undefined) : undefined
  return told === undefined ? kind : `${kind} with ${told[0]} ${show(told[1].schema.const)}`
}
