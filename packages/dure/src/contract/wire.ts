/**
 * The wire type system: JSON plus Date, bigint, bytes (Uint8Array), Map, Set and keys that are
 * `undefined`. What is in it travels unchanged under every placement; what is not is refused when
 * the contract is defined, or, in `unknown` positions, when the value is met.
 */
import type { AnySchema, Issue } from './schema.ts'

/** JSON Schema 2020-12; positions that are not JSON carry `x-dure-type`. */
export type JsonSchema = { readonly [keyword: string]: unknown }

/** What sits in a position that JSON alone cannot hold. */
export type WireType = 'date' | 'bigint' | 'bytes' | 'map' | 'set' | 'undefined' | 'unknown'

/** One schema, compiled once for the road. */
export type Wire = {
  readonly jsonSchema: JsonSchema
  /** True when JSON.stringify and JSON.parse alone keep every value of the schema. */
  readonly plain: boolean
  /** Whether `value` is made of wire types only, with plain prototypes, no cycle, bounded depth. */
  readonly check: (value: unknown) => Issue | undefined
  /** A value that shares nothing mutable with `value`. */
  readonly copy: (value: unknown) => unknown
  /** The JSON form: ISO 8601 dates, decimal strings for bigint, base64 bytes, pairs for maps, arrays for sets. */
  readonly toJson: (value: unknown) => unknown
  /** The value back from its JSON form. What does not fit is left as it is, for the parser to refuse. */
  readonly fromJson: (json: unknown) => unknown
}

export type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly issues: readonly Issue[] }

/** Checks, parses (once) and isolates. A promise only when the schema itself validates asynchronously. */
export type Parser = (value: unknown) => Parsed | Promise<Parsed>

export declare function wireOf(schema: AnySchema | undefined, side: 'input' | 'output'): Wire
export declare function parserOf(schema: AnySchema | undefined, side: 'input' | 'output'): Parser
