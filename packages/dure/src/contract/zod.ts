/** Drawing what Zod makes: what its types are called, and where its own converter gives up. */
import { assemble } from './assemble.ts'
import { refinementsOf, REFINEMENTS } from './refinements.ts'
import type { AnySchema, JsonSchema, Misfit, Side } from './schema.ts'
import { describeThrown } from './thrown.ts'
import type { Draft, Refuse, ZodSchema } from './zod-schema.ts'
import { bounds, literals, standIn } from './zod-values.ts'

/**
 * Draws one schema. Zod's converter stops at maps and sets, so what is inside them is drawn on its own and
 * put in its place afterwards: inline, or as a definition when it refers to itself or to others.
 */
export function drawZod(schema: AnySchema, side: Side): { annotated: JsonSchema; problems: Misfit[] } {
  const problems: Misfit[] = []
  const parts: { readonly schema: AnySchema; readonly where: string; document: JsonSchema }[] = []
  const part = (inner: ZodSchema, where: string): Draft => {
    let at = parts.findIndex((each) => each.schema === inner)
    if (at < 0) at = parts.push({ schema: inner, where, document: {} }) - 1
    return { 'x-dure-part': at }
  }
  part(schema as ZodSchema, '')
  for (let at = 0; at < parts.length; at++) {
    const { schema: inner, where } = parts[at]!
    const found: Misfit[] = []
    try {
      const document = inner['~standard'].jsonSchema[side]({
        target: 'draft-2020-12',
        libraryOptions: {
          unrepresentable: 'any',
          override: (place: { zodSchema: ZodSchema; jsonSchema: Draft; path: readonly (string | number)[] }) => {
            const position = where + placeOf(place.path, where)
            annotate(
              place.zodSchema,
              place.jsonSchema,
              side,
              (child, step) => part(child, position + step),
              (problem) => found.push({ where: position, ...problem }),
            )
          },
        },
      })
      parts[at]!.document = document
    } catch (error) {
      const why = describeThrown(error).message
      const cyclic = /circular|call stack/i.test(why)
      const text = cyclic ? 'a default value that contains itself' : `a schema that Zod cannot draw as JSON Schema: ${why}`
      found.push({ where, found: text, fix: cyclic ? 'Use a default made of plain values' : 'Use a schema that can be drawn' })
    }
    problems.push(...found)
  }
  return { annotated: assemble(parts.map((each) => each.document)), problems: unique(problems) }
}

function annotate(
  schema: ZodSchema,
  json: Draft,
  side: Side,
  part: (schema: ZodSchema, step: string) => Draft,
  refuse: Refuse,
): void {
  const { def } = schema._zod
  const found = refinementsOf(def)
  if (found.length > 0) json[REFINEMENTS] = found
  const mark = (fields: Draft): void => void Object.assign(json, fields)
  if (def.coerce === true && side === 'input') mark({ 'x-dure-type': 'unknown' })
  switch (def.type) {
    case 'date':
      mark({ type: 'string', format: 'date-time', 'x-dure-type': json['x-dure-type'] ?? 'date', ...bounds(def) })
      break
    case 'bigint':
      mark({ type: 'string', pattern: '^-?[0-9]+$', 'x-dure-type': json['x-dure-type'] ?? 'bigint', ...bounds(def) })
      break
    case 'map': {
      const pair = [part(def.keyType!, '{key}'), part(def.valueType!, '{}')]
      mark({
        type: 'array',
        items: { type: 'array', prefixItems: pair, minItems: 2, maxItems: 2 },
        'x-dure-type': 'map',
        ...bounds(def),
      })
      break
    }
    case 'set':
      mark({ type: 'array', items: part(def.valueType!, '{}'), 'x-dure-type': 'set', ...bounds(def) })
      break
    case 'any':
    case 'unknown':
    case 'transform':
      mark({ 'x-dure-type': 'unknown', 'x-dure-optional': true })
      break
    case 'pipe':
      // A preprocessor takes anything, whatever it makes of it.
      if (side === 'input' && def.in?._zod.def.type === 'transform') mark({ 'x-dure-type': 'unknown' })
      break
    case 'undefined':
    case 'void':
      mark({ 'x-dure-type': 'undefined', 'x-dure-optional': true })
      break
    case 'optional':
      mark({ 'x-dure-optional': true })
      break
    case 'readonly':
      mark({ 'x-dure-shared': true })
      break
    case 'default':
    case 'prefault':
    case 'catch':
      standIn(def, json, refuse)
      if (side === 'input') mark({ 'x-dure-optional': true })
      break
    case 'literal':
      literals(def.values ?? [], json, refuse)
      break
    case 'object':
      if (Object.getOwnPropertySymbols(def.shape ?? {}).length > 0)
        refuse({ found: 'a key that is a symbol', fix: 'Use a string as the key' })
      if (Object.hasOwn(def.shape ?? {}, '__proto__'))
        refuse({ found: 'the key "__proto__", which Zod drops', fix: 'Use another name' })
      break
    case 'custom':
      custom(schema, json, refuse)
      break
    default: {
      const problem = misfits[def.type]
      if (problem !== undefined) refuse(problem)
    }
  }
  if (misfits[def.type] !== undefined) mark({ 'x-dure-type': 'unknown' })
}

const misfits: Readonly<Record<string, Omit<Misfit, 'where'>>> = {
  function: { found: 'a function', fix: 'Functions cannot travel: send the data it needs, or make it an operation' },
  symbol: { found: 'a symbol', fix: 'Use a string or z.enum' },
  promise: { found: 'a promise', fix: 'Use the schema of the value it resolves to' },
  nan: { found: 'NaN', fix: 'Use z.number().nullable() or z.number().optional() for a number that may be missing' },
  file: { found: 'a file', fix: 'Use z.instanceof(Uint8Array) for its bytes, beside its name and type' },
}

function custom(schema: ZodSchema, json: Draft, refuse: Refuse): void {
  const name = classOf(schema)
  switch (name) {
    case 'Uint8Array':
    case 'Buffer':
      Object.assign(json, {
        type: 'string',
        contentEncoding: 'base64',
        'x-dure-type': 'bytes',
        ...(name === 'Buffer' && { 'x-dure-class': 'Buffer' }),
      })
      return
    case 'Date':
      Object.assign(json, { type: 'string', format: 'date-time', 'x-dure-type': 'date' })
      return
    case undefined:
      refuse({
        found: 'z.custom(), which has no shape to check or draw',
        fix: 'Use a schema of its shape, or z.unknown().refine(…) if it may be anything',
      })
      break
    default:
      refuse({
        found: `an instance of class "${name}"`,
        fix: insteadOf[name] ?? 'Use a z.object of its fields, or a z.codec that writes it as one',
      })
  }
  json['x-dure-type'] = 'unknown'
}

const insteadOf: Readonly<Record<string, string>> = {
  URL: 'Use z.url()',
  RegExp: 'Use z.string() for its source',
  Map: 'Use z.map(key, value)',
  Set: 'Use z.set(value)',
  Error: 'Declare it with error(…)',
  ArrayBuffer: 'Use z.instanceof(Uint8Array)',
}

// A refinement is a new schema; the class is known to the one it was made from.
function classOf(schema: ZodSchema | undefined): string | undefined {
  for (let at = schema; at !== undefined; at = at._zod.parent) if (at._zod.bag.Class !== undefined) return at._zod.bag.Class.name
  return undefined
}

/** Zod's path through the JSON Schema, as a path through the value: `lines[].when`. */
function placeOf(path: readonly (string | number)[], before: string): string {
  let place = ''
  for (let at = 0; at < path.length; at++) {
    const step = path[at]
    if (step === 'properties') place += `${place === '' && before === '' ? '' : '.'}${String(path[++at])}`
    else if (step === 'items') place += '[]'
    else if (step === 'prefixItems') place += `[${String(path[++at])}]`
    else if (step === 'additionalProperties') place += '{}'
    else if (step === 'propertyNames') place += '{key}'
    else if (step === 'patternProperties') {
      place += '{}'
      at++
    } else at++
  }
  return place
}

function unique(problems: readonly Misfit[]): Misfit[] {
  // A wrapper and what it wraps stand in one place.
  const seen = new Set<string>()
  return problems.filter(({ where, found }) => !seen.has(`${where} ${found}`) && seen.add(`${where} ${found}`))
}
