/** Which fields of a value somebody has read, and what a provider is to promise because of it. */
import type { Type, Variant } from 'dure/contract/internal'
import type { WrittenRules } from '../pact/pact.ts'

/** What was read inside of a value; `whole`: it was looked at as one. */
export type Reads = { whole: boolean; readonly parts: Map<string, Reads> }

/** Elements of an array are one: whoever reads one may read any. */
const EACH = '*'

export function noReads(): Reads {
  return { whole: false, parts: new Map() }
}

/** The same value, and what is read of it is noted. Dates, bytes, maps and sets are read as a whole. */
export function noted<T>(value: T, reads: Reads): T {
  if (!hasParts(value)) {
    reads.whole = true
    return value
  }
  const list = Array.isArray(value)
  const inside = (key: string): Reads => {
    const name = list ? EACH : key
    const known = reads.parts.get(name) ?? noReads()
    reads.parts.set(name, known)
    return known
  }
  const isPart = (key: string | symbol): key is string =>
    typeof key === 'string' && (list ? /^\d+$/.test(key) : Object.hasOwn(value, key))
  // One that is frozen must be told as it is: a copy is not.
  return new Proxy(list ? [...value] : { ...value }, {
    get: (target, key) => {
      const part: unknown = Reflect.get(target, key)
      return isPart(key) ? noted(part, inside(key)) : part
    },
    has: (target, key) => {
      if (isPart(key)) inside(key)
      return Reflect.has(target, key)
    },
    getOwnPropertyDescriptor: (target, key) => {
      const described = Reflect.getOwnPropertyDescriptor(target, key)
      if (described === undefined || !isPart(key)) return described
      return { ...described, value: noted(described.value as unknown, inside(key)) as unknown }
    },
  }) as T
}

/** What of a JSON form was read; of what was looked at as one, all. */
export function readOf(json: unknown, reads: Reads): unknown {
  if (reads.whole || !hasParts(json)) return json
  if (Array.isArray(json)) {
    const each = reads.parts.get(EACH)
    return json.map((one: unknown) => readOf(one, each ?? noReads()))
  }
  return Object.fromEntries(
    [...reads.parts].flatMap(([key, part]) => (Object.hasOwn(json, key) ? [[key, readOf((json as Fields)[key], part)]] : [])),
  )
}

type Fields = Readonly<Record<string, unknown>>

/**
 * What a provider may answer instead of an example: values of the same type, lists of any length from one on, and of enumerations
 * what the contract lists.
 * @param type what the contract says of it
 */
export function rulesOf(json: unknown, type: Type | undefined, at: string): WrittenRules {
  if (Array.isArray(json)) {
    if (json.length === 0) return { [at]: { match: 'type' } }
    const items = type?.variants.flatMap((one) => (one.kind === 'array' || one.kind === 'set' ? (one.items ?? []) : []))
    return { [at]: { match: 'type', min: 1 }, ...rulesOf(json[0], items?.[0], `${at}[*]`) }
  }
  if (hasParts(json))
    return Object.assign(
      {},
      ...Object.entries(json).map(([key, value]) => {
        const fields = type?.variants.flatMap((one) => (one.kind === 'object' ? (one.fields.get(key) ?? one.rest ?? []) : []))
        return rulesOf(
          value,
          fields?.[0],
          `${at}${/^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `['${key.replaceAll(/['\\]/g, '\\$&')}']`}`,
        )
      }),
    ) as WrittenRules
  const rule = ruleOf(json, type?.variants ?? [])
  return rule === undefined ? {} : { [at]: rule }
}

function ruleOf(json: unknown, variants: readonly Variant[]): Readonly<Record<string, unknown>> | undefined {
  // Nothing can be said of what may be something and is not there.
  if (json === null) return undefined
  if (typeof json === 'number') {
    const numbers = variants.filter(({ kind }) => kind === 'integer' || kind === 'number')
    return { match: numbers.length > 0 && numbers.every(({ kind }) => kind === 'integer') ? 'integer' : 'number' }
  }
  const words = variants.flatMap(({ literal }) => (typeof literal === 'string' ? [literal] : []))
  if (typeof json === 'string' && words.length > 0 && words.length === variants.filter(({ kind }) => kind !== 'null').length)
    return { match: 'regex', regex: `^(?:${words.map((word) => word.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|')})$` }
  if (typeof json === 'string' && variants.some(({ kind, schema }) => kind === 'date' || schema['format'] === 'date-time'))
    return { match: 'regex', regex: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(?:\\.\\d+)?(?:Z|[+-]\\d{2}:\\d{2})$' }
  return { match: 'type' }
}

function hasParts(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null
}
