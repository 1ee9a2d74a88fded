import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec'

/** Any Standard Schema that can also draw itself as JSON Schema: Zod 4, ArkType, Valibot with its converter, … */
export type Schema<Input = unknown, Output = Input> = {
  readonly '~standard': StandardSchemaV1.Props<Input, Output> & StandardJSONSchemaV1.Props<Input, Output>
}

/** Any schema at all, for positions where its types do not matter. */
// The one `any` of the seams: schemas are invariant in their types, and a bound must accept them all.
// oxlint-disable-next-line typescript/no-explicit-any
export type AnySchema = Schema<any, any>

/** What a caller may hand in. */
export type InputOf<S> = S extends AnySchema ? StandardSchemaV1.InferInput<S> : undefined

/** What comes out after parsing: defaults filled, transforms applied. */
export type OutputOf<S> = S extends AnySchema ? StandardSchemaV1.InferOutput<S> : undefined

/** One thing that is wrong with a value: where and what. */
export type Issue = { readonly path: readonly (string | number)[]; readonly message: string }

/** JSON Schema 2020-12; positions that are not JSON carry `x-dure-type`. */
export type JsonSchema = { readonly [keyword: string]: unknown }

/** Which face of a schema: what goes in (before defaults and transforms) or what comes out. */
export type Side = 'input' | 'output'

/** A position that cannot travel. */
export type Misfit = {
  /** `lines[].when`; empty for the value itself. */
  readonly where: string
  readonly found: string
  readonly fix: string
}
