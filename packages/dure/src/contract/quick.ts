/**
 * A quick way through for values that are plainly right. A Zod schema made of nothing but strings, numbers, booleans,
 * literals, dates, arrays, records and objects is compiled into one function that looks at every position once and makes the copy that
 * Zod would make, in a fifth of the time. It says yes or nothing: whatever it is not sure of (and everything wrong)
 * goes the long way, through Zod itself, which finds the words.
 *
 * Being sure includes the wire type system: objects and arrays are plain ones, and no key came along that the schema
 * does not know.
 */
import type { AnySchema } from './schema.ts'
import { isZod, type ZodDef, type ZodSchema } from './zod-schema.ts'

/** Answered for a value that has to go the long way. */
export const MISS: unique symbol = Symbol('not surely right')

export type Quick = (value: unknown) => unknown

/** Beyond this a function is not worth compiling. */
const LONGEST = 50_000

/** Undefined for schemas with anything else in them, and where code may not be made from text. */
export function quickOf(schema: AnySchema): Quick | undefined {
  if (!isZod(schema)) return undefined
  const writer = createWriter()
  const result = writer.write(schema, 'value')
  if (result === undefined || writer.lines.length > LONGEST) return undefined
  try {
    // As Zod does itself. Of the schema only keys, literals and bounds get into the text, each written as JSON.
    return new Function(
      'MISS',
      'multiple',
      'patterns',
      'defaults',
      `return (value) => { ${writer.lines.join(';\n')};\nreturn ${result} }`,
    )(MISS, surelyMultiple, writer.patterns, writer.defaults) as Quick
  } catch (error) {
    if (error instanceof EvalError) return undefined
    throw error
  }
}

type Writer = {
  readonly lines: string[]
  readonly patterns: RegExp[]
  /** Definitions that know a default: it may be another one every time. */
  readonly defaults: ZodDef[]
  /** Writes what checks one position; answers the expression of its copy. Undefined when it is not of the plain kind. */
  readonly write: (schema: ZodSchema, at: string) => string | undefined
}

function createWriter(): Writer {
  const lines: string[] = []
  const patterns: RegExp[] = []
  const defaults: ZodDef[] = []
  /** Schemas around the one being written: one that contains itself has no end. */
  const around = new Set<ZodSchema>()
  let names = 0
  const name = (): string => `v${names++}`
  const missUnless = (condition: string): void => void lines.push(`if (!(${condition})) return MISS`)

  const write = (schema: ZodSchema, at: string): string | undefined => {
    if (around.has(schema) || lines.length > LONGEST) return undefined
    around.add(schema)
    const { def } = schema._zod
    const result = def.coerce === true ? undefined : writeAs(def, at)
    around.delete(schema)
    return result
  }

  const writeAs = (def: ZodDef, at: string): string | undefined => {
    if (def.type === 'object') return (def.checks ?? []).length === 0 ? writeObject(def, at) : undefined
    if (def.type === 'array') return writeArray(def, at)
    if (def.type === 'nullable') return writeNullable(def, at)
    if (def.type === 'record') return writeRecord(def, at)
    if (def.type === 'date') return writeDate(def, at)
    const condition = conditionOf(def, at, patterns)
    if (condition === undefined) return undefined
    missUnless(condition)
    return at
  }

  const writeNullable = (def: ZodDef, at: string): string | undefined => {
    if (def.innerType === undefined) return undefined
    const made = name()
    lines.push(`let ${made} = null; if (${at} !== null) {`)
    const inside = write(def.innerType, at)
    lines.push(`${made} = ${inside} }`)
    return inside && made
  }

  const writeArray = (def: ZodDef, at: string): string | undefined => {
    const bounds = conditionsOf(def, at, patterns)
    if (def.element === undefined || bounds === undefined) return undefined
    missUnless([`Array.isArray(${at})`, `Object.getPrototypeOf(${at}) === Array.prototype`, ...bounds].join(' && '))
    const [made, index, item] = [name(), name(), name()]
    lines.push(
      `const ${made} = []; for (let ${index} = 0; ${index} < ${at}.length; ${index}++) { const ${item} = ${at}[${index}]`,
    )
    const inside = write(def.element, item)
    lines.push(`${made}.push(${inside}) }`)
    return inside && made
  }

  const writeDate = (def: ZodDef, at: string): string | undefined => {
    if ((def.checks ?? []).length > 0) return undefined
    missUnless(`typeof ${at} === 'object' && ${at} !== null && Object.getPrototypeOf(${at}) === Date.prototype`)
    const time = name()
    lines.push(`const ${time} = ${at}.getTime()`)
    missUnless(`!Number.isNaN(${time})`)
    return `new Date(${time})`
  }

  /** Of any keys but that of the prototype, which Zod leaves out; what is no enumerable text among them is for Zod to judge. */
  const writeRecord = (def: ZodDef, at: string): string | undefined => {
    const keys = def.keyType?._zod.def
    const isPlain = keys?.type === 'string' && keys.format === undefined && keys.coerce !== true && def.mode === undefined
    if (!isPlain || (keys.checks ?? []).length > 0 || (def.checks ?? []).length > 0 || def.valueType === undefined)
      return undefined
    const [count, made, key, item] = [name(), name(), name(), name()]
    missUnless(`typeof ${at} === 'object' && ${at} !== null && Object.getPrototypeOf(${at}) === Object.prototype`)
    lines.push(`let ${count} = 0; const ${made} = {}; for (const ${key} in ${at}) { ${count}++; const ${item} = ${at}[${key}]`)
    missUnless(`${key} !== '__proto__'`)
    const inside = write(def.valueType, item)
    lines.push(`${made}[${key}] = ${inside} }`)
    missUnless(`Reflect.ownKeys(${at}).length === ${count}`)
    return inside && made
  }

  const writeObject = (def: ZodDef, at: string): string | undefined => {
    // Strict or not makes no difference: an unknown key is a miss.
    if (def.catchall !== undefined && def.catchall._zod.def.type !== 'never') return undefined
    const shape = Object.entries(def.shape ?? {}) as [string, ZodSchema][]
    if (shape.some(([key]) => key in Object.prototype)) return undefined
    const [count, made] = [name(), name()]
    missUnless(`typeof ${at} === 'object' && ${at} !== null && Object.getPrototypeOf(${at}) === Object.prototype`)
    // A plain object inherits nothing that this counts.
    lines.push(`let ${count} = 0; for (const _ in ${at}) ${count}++`)
    const parts: string[] = []
    const optional: string[] = []
    for (const [key, schema] of shape) {
      const [property, text] = [name(), JSON.stringify(key)]
      lines.push(`const ${property} = ${at}[${text}]`)
      const { def } = schema._zod
      const mayBeAbsent = def.type === 'optional' || (def.type === 'default' && isScalar(def.defaultValue))
      const inner = mayBeAbsent ? def.innerType : undefined
      if (inner === undefined) {
        // An own property or none: inherited ones were ruled out, so what is missing is undefined and fails.
        const inside = write(schema, property)
        if (inside === undefined) return undefined
        parts.push(`${text}: ${inside}`)
        continue
      }
      // Absent is absent; a key that is there and undefined makes one too many, and goes the long way.
      const present = name()
      const absent = def.type === 'default' ? `${present} = defaults[${defaults.push(def) - 1}].defaultValue;` : ''
      lines.push(`let ${present}; if (${property} === undefined) { ${count}++; ${absent} } else {`)
      const inside = write(inner, property)
      if (inside === undefined) return undefined
      lines.push(`${present} = ${inside} }`)
      if (def.type === 'default') parts.push(`${text}: ${present}`)
      else optional.push(`if (${present} !== undefined) ${made}[${text}] = ${present};`)
    }
    missUnless(`${count} === ${shape.length}`)
    lines.push(`const ${made} = { ${parts.join(', ')} }; ${optional.join(' ')}`)
    return made
  }

  return { lines, patterns, defaults, write }
}

/** What a value that is not made of others has to fulfil, as an expression. */
function conditionOf(def: ZodDef, at: string, patterns: RegExp[]): string | undefined {
  const checks = conditionsOf(def, at, patterns)
  const kind = kindOf(def, at, patterns)
  return checks && kind && [kind, ...checks].join(' && ')
}

function kindOf(def: ZodDef, at: string, patterns: RegExp[]): string | undefined {
  switch (def.type) {
    case 'string':
      if (def.format === undefined) return `typeof ${at} === 'string'`
      return checkOf({ ...def, check: 'string_format' }, `typeof ${at} === 'string' && `, at, patterns)
    case 'number':
      if (def.format === undefined) return `Number.isFinite(${at})`
      if (def.format === 'safeint') return `Number.isSafeInteger(${at})`
      return def.format === 'int32' ? `typeof ${at} === 'number' && (${at} | 0) === ${at}` : undefined
    case 'boolean':
      return `typeof ${at} === 'boolean'`
    case 'literal':
      return oneOf(def.values ?? [], at)
    case 'enum':
      return oneOf(Object.values(def.entries ?? {}), at)
    default:
      return undefined
  }
}

function oneOf(values: readonly unknown[], at: string): string | undefined {
  if (values.length === 0 || values.some((value) => typeof value !== 'string')) return undefined
  return `(${values.map((value) => `${at} === ${JSON.stringify(value)}`).join(' || ')})`
}

function conditionsOf(def: ZodDef, at: string, patterns: RegExp[]): string[] | undefined {
  const conditions: string[] = []
  for (const check of def.checks ?? []) {
    const condition = checkOf(check._zod.def, '', at, patterns)
    if (condition === undefined) return undefined
    conditions.push(condition)
  }
  return conditions
}

const isScalar = (value: unknown): boolean => value !== undefined && (typeof value !== 'object' || value === null)

/** Whether Zod, which allows for what division loses, will surely say yes. */
function surelyMultiple(value: number, step: number): boolean {
  const ratio = value / step
  return Math.abs(ratio - Math.round(ratio)) < Number.EPSILON * Math.max(Math.abs(ratio), 1)
}

/** Formats that are what their pattern says and nothing more. */
const BY_PATTERN: ReadonlySet<unknown> = new Set(['regex', 'uuid', 'guid', 'datetime', 'date'])

type CheckDef = Readonly<Record<string, unknown>>

function checkOf(def: CheckDef, before: string, at: string, patterns: RegExp[]): string | undefined {
  const bound = (key: string, expression: (text: string) => string): string | undefined =>
    Number.isFinite(def[key]) ? before + expression(JSON.stringify(def[key])) : undefined
  switch (def['check']) {
    case 'min_length':
      return bound('minimum', (least) => `${at}.length >= ${least}`)
    case 'max_length':
      return bound('maximum', (most) => `${at}.length <= ${most}`)
    case 'greater_than':
      return bound('value', (least) => `${at} ${def['inclusive'] === true ? '>=' : '>'} ${least}`)
    case 'less_than':
      return bound('value', (most) => `${at} ${def['inclusive'] === true ? '<=' : '<'} ${most}`)
    case 'multiple_of':
      return bound('value', (step) => `multiple(${at}, ${step})`)
    case 'string_format': {
      const { pattern } = def
      // A global or sticky pattern remembers where it was.
      if (!BY_PATTERN.has(def['format']) || !(pattern instanceof RegExp) || pattern.global || pattern.sticky) return undefined
      return `${before}patterns[${patterns.push(pattern) - 1}].test(${at})`
    }
    default:
      return undefined
  }
}
