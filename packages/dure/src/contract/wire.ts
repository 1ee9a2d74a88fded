/**
 * The wire type system: JSON plus Date, bigint, bytes (Uint8Array), Map, Set and keys that are
 * `undefined`. What is in it travels unchanged under every placement; what is not is refused when
 * the contract is defined, or, in `unknown` positions, when the value is met.
 *
 * Two things are settled here once for every placement. Object keys that are symbols do not travel.
 * In JSON form a key of a declared object that is `undefined` is left out, so it comes back absent.
 */
import type { AnySchema, Issue, JsonSchema, Side } from './schema.ts'
import { drawing } from './json-schema.ts'
import { jsonCodecOf } from './json.ts'
import { shapeOf } from './shape-of.ts'
import { typeOf } from './type-of.ts'
import { checkWire } from './unknown.ts'

/** One schema, compiled once for the road. */
export type Wire = {
  readonly jsonSchema: JsonSchema
  /** True when JSON.stringify and JSON.parse alone keep every value of the schema. */
  readonly plain: boolean
  /** Whether the value as a whole may be `undefined`. */
  readonly optional: boolean
  /** Whether `value` is made of wire types only, with plain prototypes, no cycle, bounded depth. */
  readonly check: (value: unknown) => Issue | undefined
  /**
   * The JSON form, to be written with JSON.stringify: ISO 8601 dates, decimal strings for bigint, base64 bytes,
   * pairs for maps, arrays for sets. In `unknown` positions what JSON cannot hold is tagged:
   * `{"$dure":"date","value":"…"}`. Parts that need no change are shared with `value`.
   * @throws {TypeError} for what is not of the wire type system (a cycle, a function, an invalid date)
   */
  readonly toJson: (value: unknown) => unknown
  /** The value back from its JSON form. What does not fit is left as it is, for the parser to refuse. */
  readonly fromJson: (json: unknown) => unknown
}

const wires: Record<Side, WeakMap<AnySchema, Wire>> = { input: new WeakMap(), output: new WeakMap() }

/**
 * How values of a schema travel. For inputs the *input* side crosses (before defaults and transforms);
 * for outputs, error data and events the *output* side. No schema: nothing but `undefined` crosses.
 * @throws {TypeError} when the schema has a position that cannot travel (`contract` refuses it earlier, with the place)
 */
export function wireOf(schema: AnySchema | undefined, side: Side): Wire {
  if (schema === undefined) return nothing
  const known = wires[side].get(schema)
  if (known !== undefined) return known
  const drawn = drawing(schema, side)
  const problem = drawn.problems[0]
  if (problem !== undefined)
    throw new TypeError(
      `Cannot send values of this schema${problem.where && ` at "${problem.where}"`}: ${problem.found}. ${problem.fix}`,
    )
  const type = typeOf(drawn.annotated)
  const wire: Wire = Object.freeze({
    jsonSchema: drawn.jsonSchema,
    optional: type.optional,
    check: checkWire,
    ...jsonCodecOf(shapeOf(type)),
  })
  wires[side].set(schema, wire)
  return wire
}

const nothing: Wire = Object.freeze({
  jsonSchema: Object.freeze({ 'x-dure-type': 'undefined' }),
  plain: true,
  optional: true,
  check: checkWire,
  toJson: () => undefined,
  fromJson: () => undefined,
})
