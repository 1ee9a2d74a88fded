/** Matching rules of a pact: read, held against each other, and found for a place. */
import { dateReader } from './dates.ts'
import { PactError } from './error.ts'
import { parsePath, weightOf, type Place, type Step } from './path.ts'

export type Rule =
  | { readonly match: 'type'; readonly min?: number; readonly max?: number }
  | { readonly match: 'regex'; readonly regex: RegExp }
  | { readonly match: 'include'; readonly value: string }
  | { readonly match: 'date' | 'time' | 'datetime'; readonly format: string; readonly fits: (text: string) => boolean }
  | { readonly match: 'contentType'; readonly value: string }
  | { readonly match: 'statusCode'; readonly status: string | readonly number[] }
  | { readonly match: 'arrayContains'; readonly variants: readonly Variant[] }
  | { readonly match: 'eachKey' | 'eachValue'; readonly rules: readonly Rule[] }
  | { readonly match: Plain }
type Plain = 'equality' | 'integer' | 'decimal' | 'number' | 'boolean' | 'null' | 'notEmpty' | 'semver' | 'values'

/** An element that an array is to contain: that of the example, by its index, under rules of its own. */
export type Variant = { readonly index: number; readonly rules: Category }

export type RuleList = { readonly combine: 'AND' | 'OR'; readonly rules: readonly Rule[] }

/** The rules of one part of an interaction, each with the path it is for. */
export type Category = readonly { readonly path: string; readonly steps: readonly Step[]; readonly list: RuleList }[]

/** The rules for a place; `above`: they are for something that it is in. */
export type Found = RuleList & { readonly above: boolean }

/** The most exact ones; of those that are as exact, the longest path. */
export function rulesFor(category: Category, place: Place, xml = false): Found | undefined {
  let best: { readonly found: Found; readonly weight: number; readonly length: number } | undefined
  for (const { steps, list } of category) {
    const { weight, above } = weightOf(steps, place, xml)
    if (weight === 0 || (best !== undefined && (best.weight > weight || (best.weight === weight && best.length > steps.length))))
      continue
    best = { found: { ...list, above }, weight, length: steps.length }
  }
  return best?.found
}

type Json = Readonly<Record<string, unknown>>

/** Rules by path, as they stand in a pact. @throws {PactError} for what is not understood, with `where` it stands */
export function readCategory(json: unknown, where: string): Category {
  if (json === undefined || json === null) return []
  if (!isJson(json)) throw new PactError(`${where} is no object of rules by path`)
  return Object.entries(json).map(([path, list]) => {
    const steps = parsePath(path)
    if (steps === undefined) throw new PactError(`${where} has rules for "${path}", which is no path such as $.orders[*].name`)
    return { path, steps, list: readList(list, `${where} at "${path}"`) }
  })
}

/** Rules of something that is one value: a path, a status. */
export function readSingle(json: unknown, where: string): Category {
  if (json === undefined || json === null) return []
  // Some write it as if it had parts.
  if (isJson(json) && !('matchers' in json))
    return Object.keys(json).length === 0 ? [] : readSingle(Object.values(json)[0], where)
  return [{ path: '$', steps: [], list: readList(json, where) }]
}

function readList(json: unknown, where: string): RuleList {
  const { matchers, combine = 'AND' } = isJson(json) ? json : {}
  if (!Array.isArray(matchers)) throw new PactError(`${where} has no list of "matchers"`)
  if (combine !== 'AND' && combine !== 'OR')
    throw new PactError(`${where} combines its matchers by ${JSON.stringify(combine)}; "AND" and "OR" are known`)
  const rules = matchers.map((one) => readRule(one, where))
  if (combine === 'AND') refuseContradiction(rules, where)
  return { combine, rules }
}

function readRule(json: unknown, where: string): Rule {
  if (!isJson(json)) throw new PactError(`${where} has a matcher that is no object`)
  const text = (key: string): string => {
    if (typeof json[key] === 'string') return json[key]
    throw new PactError(`${where} has a matcher "${String(json['match'])}" without a text "${key}"`)
  }
  const name = nameOf(json)
  switch (name) {
    case 'type':
    case 'min':
    case 'max':
      return { match: 'type', ...bound(json, 'min', where), ...bound(json, 'max', where) }
    case 'regex':
      return { match: 'regex', regex: expression(text('regex'), where) }
    case 'include':
      return { match: 'include', value: text('value') }
    case 'timestamp':
      return dated('datetime', json, where)
    case 'date':
    case 'time':
    case 'datetime':
      return dated(name, json, where)
    case 'contentType':
    case 'content-type':
      return { match: 'contentType', value: text('value').toLowerCase() }
    case 'statusCode':
    case 'status-code':
      return { match: 'statusCode', status: status(json['status'], where) }
    case 'arrayContains':
    case 'array-contains':
      return { match: 'arrayContains', variants: variants(json['variants'], where) }
    case 'eachKey':
    case 'each-key':
      return { match: 'eachKey', rules: inner(json['rules'], where) }
    case 'eachValue':
    case 'each-value':
      return { match: 'eachValue', rules: inner(json['rules'], where) }
    case 'real':
      return { match: 'decimal' }
    case 'notEmpty':
    case 'not-empty':
      return { match: 'notEmpty' }
    case 'equality':
    case 'integer':
    case 'decimal':
    case 'number':
    case 'boolean':
    case 'null':
    case 'semver':
    case 'values':
      return { match: name }
    default:
      throw new PactError(
        `${where} has a matcher ${JSON.stringify(name)}, which is not known here; those of Pact V4 are, without those of plugins`,
      )
  }
}

/** Old ones say it by what they have. */
function nameOf(json: Json): string | undefined {
  const { match } = json
  if (match !== undefined) return typeof match === 'string' ? match : JSON.stringify(match)
  return 'regex' in json ? 'regex' : 'min' in json || 'max' in json ? 'type' : undefined
}

function bound(json: Json, key: 'min' | 'max', where: string): { readonly min?: number; readonly max?: number } {
  const value = json[key]
  if (value === undefined || value === null) return {}
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return { [key]: value }
  throw new PactError(`${where} has a "${key}" of ${JSON.stringify(value)}; a whole number from 0 is expected`)
}

/** Of the whole text, as the specification's cases have it. Written as in Java or Rust; what JavaScript cannot read is refused. */
function expression(source: string, where: string): RegExp {
  const flags = /^\(\?([imsu]+)\)/.exec(source)
  const own = flags === null ? source : source.slice(flags[0].length)
  for (const mode of ['u', '']) {
    try {
      const whole = `^(?:${own.replaceAll('\\A', '^').replaceAll(/\\[zZ]/g, '$')})$`
      return new RegExp(whole, mode + (flags?.[1] ?? '').replaceAll('u', ''))
    } catch {
      // Unicode mode refuses needless escapes, which others write.
    }
  }
  throw new PactError(`${where} has the regular expression "${source.slice(0, 200)}", which cannot be read here`)
}

function dated(match: 'date' | 'time' | 'datetime', json: Json, where: string): Rule {
  const standard = { date: 'yyyy-MM-dd', time: 'HH:mm:ss', datetime: "yyyy-MM-dd'T'HH:mm:ss" }[match]
  const given = json['format'] ?? json[match] ?? json['timestamp']
  const format = typeof given === 'string' && given !== '' ? given : standard
  const fits = dateReader(format)
  if (fits === undefined)
    throw new PactError(`${where} has the format "${format}", which is none of dates and times in Java's letters`)
  return { match, format, fits }
}

const CLASSES = ['info', 'success', 'redirect', 'clientError', 'serverError', 'nonError', 'error']

function status(given: unknown, where: string): string | readonly number[] {
  if (typeof given === 'string' && CLASSES.includes(given)) return given
  const list: readonly unknown[] = [isJson(given) ? given['statusCodes'] : given].flat()
  if (list.length > 0 && list.every((one) => Number.isInteger(one))) return list as number[]
  throw new PactError(`${where} has the status ${JSON.stringify(given)}; expected are ${CLASSES.join(', ')} or a list of numbers`)
}

function variants(given: unknown, where: string): readonly Variant[] {
  if (!Array.isArray(given)) throw new PactError(`${where} has "arrayContains" without a list of "variants"`)
  return given.map((one: unknown, at) => {
    const { index, rules } = (one ?? {}) as Json
    return { index: typeof index === 'number' ? index : at, rules: readCategory(rules, `${where}, variant ${at}`) }
  })
}

function inner(given: unknown, where: string): readonly Rule[] {
  if (given === undefined) return []
  if (!Array.isArray(given)) throw new PactError(`${where} has a list of "rules" that is none`)
  return given.map((one) => readRule(one, where))
}

/** What a value is, for rules that say so; `undefined` where it may be several. */
function kindOf(rule: Rule): string | undefined {
  switch (rule.match) {
    case 'integer':
    case 'decimal':
    case 'number':
      return 'number'
    case 'boolean':
    case 'null':
      return rule.match
    case 'date':
    case 'time':
    case 'datetime':
    case 'semver':
      return 'text'
    case 'arrayContains':
      return 'array'
    case 'eachKey':
      return 'object'
    default:
      return undefined
  }
}

function refuseContradiction(rules: readonly Rule[], where: string): void {
  for (const rule of rules)
    if (rule.match === 'type' && rule.min !== undefined && rule.max !== undefined && rule.min > rule.max)
      throw new PactError(`${where} contradicts itself: at least ${rule.min} and at most ${rule.max}`)
  const kinds = new Map(rules.flatMap((rule) => (kindOf(rule) === undefined ? [] : [[kindOf(rule), rule.match] as const])))
  if (kinds.size > 1)
    throw new PactError(`${where} contradicts itself: one value is to match ${[...kinds.values()].join(' and ')}`)
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
