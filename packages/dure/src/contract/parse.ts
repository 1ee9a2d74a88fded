/** Checking, parsing and isolating a value where it crosses: once, in that order. */
import { isolatorOf } from './copy.ts'
import { drawing } from './json-schema.ts'
import { MISS, quickOf } from './quick.ts'
import type { AnySchema, Issue, Side } from './schema.ts'
import { shapeOf } from './shape-of.ts'
import { typeOf } from './type-of.ts'
import { checkWire, copyUnknown, MAX_DEPTH } from './unknown.ts'
import { isZod } from './zod-schema.ts'

export type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly issues: readonly Issue[] }

/** Checks, parses (once) and isolates. A promise only when the schema itself validates asynchronously. */
export type Parser = (value: unknown) => Parsed | Promise<Parsed>

const parsers: Record<Side, WeakMap<AnySchema, Parser>> = { input: new WeakMap(), output: new WeakMap() }
const nothing: Parsed = Object.freeze({ ok: true, value: undefined })
const noOutput: Parser = () => nothing
const noInput: Parser = (value) => {
  const issue = value === undefined ? undefined : checkWire(value)
  return issue === undefined ? nothing : { ok: false, issues: [issue] }
}

/**
 * The parser of one schema, made once. `input`: what a caller hands in must be of the wire type system, and
 * what comes out shares nothing mutable with it. `output` (also of error data and events): what comes out of
 * the schema crosses, so that is what must be of the wire type system; it shares nothing mutable with what
 * the handler keeps. Frozen values come out thawed, because they would not be frozen after a journey.
 * No schema: anything that can travel is taken and `undefined` comes out.
 *
 * Errors that the schema's own refinements throw are passed on (Zod makes rejected promises of them).
 */
export function parserOf(schema: AnySchema | undefined, side: Side): Parser {
  if (schema === undefined) return side === 'input' ? noInput : noOutput
  const known = parsers[side].get(schema)
  if (known !== undefined) return known
  const parser = quicker(schema, makeParser(schema, side))
  parsers[side].set(schema, parser)
  return parser
}

/** The long way only for what is not plainly right. */
function quicker(schema: AnySchema, long: Parser): Parser {
  const quick = quickOf(schema)
  if (quick === undefined) return long
  return (value) => {
    let made: unknown = MISS
    try {
      made = quick(value)
    } catch {
      // A value that cannot be read: the long way says so.
    }
    return made === MISS ? long(value) : { ok: true, value: made }
  }
}

function makeParser(schema: AnySchema, side: Side): Parser {
  const { validate } = schema['~standard']
  const isolate = isolation(schema, side)
  // Zod takes any key of a record but this one, which it leaves out and says nothing.
  const drops = isZod(schema) && JSON.stringify(drawing(schema, side).annotated).includes('"additionalProperties":{')
  type Result = Awaited<ReturnType<typeof validate>>
  const settle = (value: unknown, result: Result): Parsed => {
    if (result.issues !== undefined) return { ok: false, issues: result.issues.map(issueOf) }
    const lost = drops && mayLose(value, 0) ? droppedKey(value, result.value, []) : undefined
    if (lost !== undefined) return { ok: false, issues: [lost] }
    if (isolate === undefined) return { ok: true, value: result.value }
    try {
      return { ok: true, value: isolate(result.value) }
    } catch (error) {
      const issue = checkWire(result.value)
      if (issue === undefined) throw error
      return { ok: false, issues: [issue] }
    }
  }
  // A recursive schema that followed a value until the stack was full.
  const tooDeep = (error: unknown, value: unknown): Parsed => {
    const issue = error instanceof RangeError ? checkWire(value) : undefined
    if (issue === undefined) throw error
    return { ok: false, issues: [issue] }
  }
  const parse: Parser = (value) => {
    let result: ReturnType<typeof validate>
    try {
      result = validate(value)
    } catch (error) {
      return tooDeep(error, value)
    }
    return result instanceof Promise
      ? result.then(
          (made) => settle(value, made),
          (error: unknown) => tooDeep(error, value),
        )
      : settle(value, result)
  }
  if (side === 'output') return parse
  const checked: Parser = (value) => {
    const issue = checkWire(value)
    return issue === undefined ? parse(value) : { ok: false, issues: [issue] }
  }
  return checked
}

/**
 * Zod makes every object, array, map and set anew, which isolates it at no cost; only what it hands over by
 * reference is copied. Of other libraries nothing is known, so all of the value is copied.
 */
function isolation(schema: AnySchema, side: Side): ((value: unknown) => unknown) | undefined {
  const lenient = side === 'input'
  if (!isZod(schema)) return (value) => copyUnknown(value, { lenient })
  // What comes out of parsing is the output side, for inputs as well.
  const { annotated } = drawing(schema, 'output')
  const isolate = isolatorOf(shapeOf(typeOf(annotated)), lenient)
  // Zod follows cycles through recursive schemas and gives back a cyclic value. An input was checked before.
  if (lenient || !JSON.stringify(annotated).includes('"$ref":')) return isolate
  return (value) => {
    const issue = checkWire(value)
    if (issue !== undefined) throw new TypeError(issue.message)
    return isolate === undefined ? value : isolate(value)
  }
}

/** Whether an object in it has a key that is lost in some schemas: looked at with every value, where hardly any has. */
function mayLose(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH || ArrayBuffer.isView(value)) return false
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) if (mayLose(value[at], depth + 1)) return true
    return false
  }
  if (value instanceof Map) return [...value.values(), ...value.keys()].some((one) => mayLose(one, depth + 1))
  if (value instanceof Set) return [...value].some((one) => mayLose(one, depth + 1))
  for (const key in value)
    if (key === '__proto__' || mayLose((value as Readonly<Record<string, unknown>>)[key], depth + 1)) return true
  return false
}

/** Where an object had the key `__proto__` and what was made of it has not. */
function droppedKey(value: unknown, made: unknown, path: readonly (string | number)[]): Issue | undefined {
  if (typeof value !== 'object' || value === null || typeof made !== 'object' || made === null || path.length > MAX_DEPTH)
    return undefined
  const [before, after] = [value, made].map((each) =>
    each instanceof Map ? [...each.values(), ...each.keys()] : each instanceof Set ? [...each] : each,
  ) as [object, object]
  for (const [key, part] of Object.entries(before)) {
    const at = [...path, Array.isArray(before) ? Number(key) : key]
    if (key === '__proto__' && !Object.hasOwn(after, key)) return { path: at, message: 'The key "__proto__" cannot travel here' }
    const lost = droppedKey(part, (after as Record<string, unknown>)[key], at)
    if (lost !== undefined) return lost
  }
  return undefined
}

function issueOf(issue: { readonly message: string; readonly path?: readonly unknown[] | undefined }): Issue {
  const path = (issue.path ?? []).map((step) => {
    const key: unknown = typeof step === 'object' && step !== null && 'key' in step ? step.key : step
    return typeof key === 'number' ? key : String(key)
  })
  return { path, message: issue.message }
}
