/** Drawing a schema as JSON Schema, with `x-dure-type` where a position holds what JSON cannot. */
import { isSchema, mapSchemas, without } from './keywords.ts'
import type { AnySchema, JsonSchema, Misfit, Side } from './schema.ts'
import { describeThrown } from './thrown.ts'
import { checkWire } from './unknown.ts'
import { drawZod, isZod } from './zod.ts'

export type Drawing = {
  /** For documents and comparison. */
  readonly jsonSchema: JsonSchema
  /** The same with marks that only the codecs read. */
  readonly annotated: JsonSchema
  readonly problems: readonly Misfit[]
}

const drawings: Record<Side, WeakMap<AnySchema, Drawing>> = { input: new WeakMap(), output: new WeakMap() }

/** Never throws: what cannot be drawn is among the problems. */
export function drawing(schema: AnySchema, side: Side): Drawing {
  const known = drawings[side].get(schema)
  if (known !== undefined) return known
  const { annotated, problems } = isZod(schema) ? drawZod(schema, side) : drawOther(schema, side)
  const drawn: Drawing = { annotated, problems, jsonSchema: published(annotated, documentMarks) }
  drawings[side].set(schema, drawn)
  return drawn
}

/** As documents show it: readers must take keys that they do not know yet, so what comes out is not closed. */
export function shown(schema: AnySchema, side: Side): JsonSchema {
  const { jsonSchema } = drawing(schema, side)
  return side === 'input' ? jsonSchema : opened(jsonSchema)
}

/** Without the refusal of keys that are not named. */
export function opened(schema: JsonSchema): JsonSchema {
  return mapSchemas(schema, (each) => without(each, (keyword, value) => keyword === 'additionalProperties' && value === false))
}

/** Whether it is a schema at all, and if not, what to do about it. */
export function notASchema(schema: unknown): Omit<Misfit, 'where'> | undefined {
  const fix =
    'Use a schema that is a Standard Schema with JSON Schema output: Zod 4 (import from "zod", not "zod/mini"), ArkType 2.1.28 or later, or Valibot with toStandardJsonSchema of @valibot/to-json-schema'
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null)
    return {
      found: `${schema === null ? 'null' : typeof schema === 'object' ? 'an object' : `a ${typeof schema}`} is no schema`,
      fix,
    }
  const standard: unknown = (schema as { '~standard'?: unknown })['~standard']
  if (!isSchema(standard) || typeof standard.validate !== 'function')
    return { found: typeof schema === 'function' ? 'a function is no schema' : 'an object without "~standard" is no schema', fix }
  if (
    !isSchema(standard.jsonSchema) ||
    typeof standard.jsonSchema.input !== 'function' ||
    typeof standard.jsonSchema.output !== 'function'
  )
    return { found: `a schema of "${String(standard.vendor)}" that cannot draw itself as JSON Schema`, fix }
  return undefined
}

function drawOther(schema: AnySchema, side: Side): { annotated: JsonSchema; problems: Misfit[] } {
  const trouble = notASchema(schema)
  if (trouble !== undefined) return { annotated: {}, problems: [{ where: '', ...trouble }] }
  const { vendor, jsonSchema } = schema['~standard']
  try {
    const drawn = jsonSchema[side]({ target: 'draft-2020-12' })
    const trouble = checkWire(drawn)
    if (trouble !== undefined) throw new TypeError(trouble.message)
    const annotated: JsonSchema = structuredClone(drawn)
    return { annotated: { ...annotated, 'x-dure-optional': true }, problems: [] }
  } catch (error) {
    const found = `"${vendor}" cannot draw it as JSON Schema: ${describeThrown(error).message}`
    return {
      annotated: {},
      problems: [
        { where: '', found, fix: 'Use JSON types there, or Zod 4, whose dates, bigints, bytes, maps and sets Dure can draw' },
      ],
    }
  }
}

/** As descriptions keep it: a comparison must know where `undefined` may be. */
export function kept(schema: AnySchema, side: Side): JsonSchema {
  return published(drawing(schema, side).annotated, descriptionMarks)
}

const descriptionMarks: ReadonlySet<string> = new Set(['x-dure-shared', 'x-dure-class', '$schema'])
const documentMarks: ReadonlySet<string> = new Set([...descriptionMarks, 'x-dure-optional'])

/** Without the marks that only codecs read. */
function published(annotated: JsonSchema, marks: ReadonlySet<string>): JsonSchema {
  return mapSchemas(annotated, (each) => without(each, (keyword) => marks.has(keyword)))
}
