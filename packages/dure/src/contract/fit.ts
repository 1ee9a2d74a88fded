/** Whether every value of one schema is a value of another, and if not, where and why not. */
import { boundsOf, looser, literalFits, show } from './bounds.ts'
import { isSchema, mayBeUndefined } from './keywords.ts'
import { targetOf, variantsOf, type Variant } from './variants.ts'
import type { JsonSchema } from './schema.ts'

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

export function unfits(from: JsonSchema, to: JsonSchema): readonly Unfit[] {
  // Pairs under comparison: a recursive schema fits if it fits assuming that it does.
  const open: [unknown, unknown][] = []
  const found = fit(from, to, '')
  const seen = new Set<string>()
  return found.filter((each) => {
    const text = JSON.stringify(each)
    return !seen.has(text) && seen.add(text)
  })

  function fit(f: unknown, t: unknown, path: string): Unfit[] {
    const pair: [unknown, unknown] = [targetOf(from, f), targetOf(to, t)]
    if (open.some(([a, b]) => a === pair[0] && b === pair[1])) return []
    open.push(pair)
    try {
      const targets = variantsOf(to, t)
      const sources = split(variantsOf(from, f), targets)
      const defaults = isSchema(f) && isSchema(t) && JSON.stringify(f.default) !== JSON.stringify(t.default)
      return [
        ...sources.flatMap((source) => place(source, targets, path)),
        ...(defaults ? [{ path, kind: 'default' as const, from: show(f.default), to: show(t.default) }] : []),
      ]
    } finally {
      open.pop()
    }
  }

  /** In arrays, maps, sets and records `undefined` is a value; as a field it is the same as absent. */
  function element(f: unknown, t: unknown, path: string): Unfit[] {
    const absent = mayBeUndefined(f) && !mayBeUndefined(t) && !variantsOf(to, t).some((each) => each.type === 'unknown')
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
    const literals = targets.filter((each) => each.literal !== undefined && each.type === source.type)
    if (source.literal !== undefined && literals.length > 0)
      return [{ path, kind: 'literal', from: show(source.literal), to: literals.map((each) => show(each.literal)).join(', ') }]
    return [{ path, kind: 'type', from: nameOf(source), to: [...new Set(targets.map(nameOf))].join(' or ') || 'nothing' }]
  }

  function compare(f: Variant, t: Variant, path: string): Unfit[] {
    if (t.type === 'unknown') return []
    if (t.type === 'opaque' || f.type === 'opaque')
      return JSON.stringify(f.schema) === JSON.stringify(t.schema) ? [] : [different(f, t, path)]
    const numeric = (f.type === 'integer' || Number.isInteger(f.literal)) && (t.type === 'number' || t.type === 'integer')
    if (f.type !== t.type && !numeric) return [different(f, t, path)]
    if (t.literal !== undefined)
      return f.literal === t.literal ? [] : [{ path, kind: 'literal', from: nameOf(f), to: show(t.literal) }]
    if (f.literal !== undefined) return literalFits(f, t) ? [] : [{ path, kind: 'bound', from: show(f.literal), to: boundsOf(t) }]
    const reasons: Unfit[] = looser(f, t).map((each) => ({ path, kind: 'bound', ...each }))
    switch (t.type) {
      case 'object':
        return [...reasons, ...object(f.schema, t.schema, path)]
      case 'array':
      case 'set':
        return [...reasons, ...list(f.schema, t.schema, path)]
      case 'map': {
        const pair = (schema: JsonSchema): readonly unknown[] =>
          ((schema.items as JsonSchema).prefixItems as unknown[] | undefined) ?? []
        return [
          ...reasons,
          ...element(pair(f.schema)[0], pair(t.schema)[0], `${path}{key}`),
          ...element(pair(f.schema)[1], pair(t.schema)[1], `${path}{}`),
        ]
      }
      default:
        return reasons
    }
  }

  function object(f: JsonSchema, t: JsonSchema, path: string): Unfit[] {
    const at = (name: string): string => (path === '' ? name : `${path}.${name}`)
    const [mine, theirs] = [fields(f), fields(t)]
    const [promised, wanted] = [new Set(f.required as string[] | undefined), (t.required as string[] | undefined) ?? []]
    const reasons: Unfit[] = []
    for (const name of wanted)
      if (!promised.has(name))
        reasons.push({ path: at(name), kind: 'missing', from: mine.has(name) ? 'optional' : 'gone', to: 'required' })
    if (JSON.stringify(f.patternProperties) !== JSON.stringify(t.patternProperties) && t.patternProperties !== undefined)
      reasons.push({ path, kind: 'type', from: 'an object', to: 'an object with other patterns of names' })
    if (t.propertyNames !== undefined) {
      const named = [...mine.keys()].map((literal): unknown => ({ const: literal }))
      const others = isSchema(f.additionalProperties) ? [f.propertyNames ?? { type: 'string' }] : []
      for (const names of [...named, ...others]) reasons.push(...fit(names, t.propertyNames, `${path}{key}`))
    }
    for (const [name, part] of mine) {
      if (theirs.has(name)) reasons.push(...fit(part, theirs.get(name), at(name)))
      else if (t.additionalProperties === false) reasons.push({ path: at(name), kind: 'closed', from: 'there', to: 'refused' })
      else if (t.additionalProperties !== undefined) reasons.push(...fit(part, t.additionalProperties, at(name)))
      else reasons.push({ path: at(name), kind: 'extra', from: promised.has(name) ? 'required' : 'optional', to: 'gone' })
    }
    const rest = f.additionalProperties
    if (rest === undefined || rest === false) {
      if (rest === undefined && t.additionalProperties === false)
        reasons.push({ path: `${path}{}`, kind: 'closed', from: 'dropped', to: 'refused' })
      return reasons
    }
    for (const [name, part] of theirs) if (!mine.has(name)) reasons.push(...fit(rest, part, at(name)))
    if (t.additionalProperties === false) reasons.push({ path: `${path}{}`, kind: 'closed', from: 'there', to: 'refused' })
    else if (t.additionalProperties !== undefined) reasons.push(...element(rest, t.additionalProperties, `${path}{}`))
    return reasons
  }

  function list(f: JsonSchema, t: JsonSchema, path: string): Unfit[] {
    const [mine, theirs] = [(f.prefixItems as unknown[] | undefined) ?? [], (t.prefixItems as unknown[] | undefined) ?? []]
    const reasons: Unfit[] = []
    for (let at = 0; at < Math.max(mine.length, theirs.length); at++) {
      const part = at < mine.length ? mine[at] : f.items
      const into = at < theirs.length ? theirs[at] : t.items
      // How many there are is a matter of bounds.
      if (part !== false && into !== false) reasons.push(...element(part, into, `${path}[${at}]`))
    }
    if (f.items !== false && t.items !== false) reasons.push(...element(f.items, t.items, `${path}[]`))
    return reasons
  }
}

/** Takes `boolean` apart when the other side names true or false. */
function split(sources: readonly Variant[], targets: readonly Variant[]): readonly Variant[] {
  if (!targets.some((each) => typeof each.literal === 'boolean')) return sources
  return sources.flatMap((each) =>
    each.type === 'boolean' && each.literal === undefined ? [true, false].map((literal) => ({ ...each, literal })) : [each],
  )
}

/** Whether two variants are meant to be the same one: of one type and, among objects, of one discriminator. */
function alike(f: Variant, t: Variant): boolean {
  if (f.literal !== undefined || t.literal !== undefined)
    return f.literal !== undefined && t.literal === undefined && f.type === t.type
  if (f.type !== t.type && !(f.type === 'integer' && t.type === 'number') && !(f.type === 'number' && t.type === 'integer'))
    return false
  if (f.type !== 'object') return true
  const theirs = fields(t.schema)
  return [...fields(f.schema)].every(([name, part]) => {
    const other = theirs.get(name)
    return (
      !isSchema(part) || !isSchema(other) || part.const === undefined || other.const === undefined || part.const === other.const
    )
  })
}

const fields = (schema: JsonSchema): ReadonlyMap<string, unknown> =>
  new Map(Object.entries((schema.properties as JsonSchema | undefined) ?? {}))
const different = (f: Variant, t: Variant, path: string): Unfit => ({ path, kind: 'type', from: nameOf(f), to: nameOf(t) })

function nameOf({ type, literal, schema }: Variant): string {
  if (literal !== undefined) return show(literal)
  if (type === 'unknown') return 'anything'
  if (type === 'opaque') return 'a combined schema'
  const told = Object.entries((schema.properties as JsonSchema | undefined) ?? {}).find(
    ([, part]) => isSchema(part) && part.const !== undefined,
  )
  return told === undefined ? type : `${type} with ${told[0]} ${show((told[1] as JsonSchema).const)}`
}
