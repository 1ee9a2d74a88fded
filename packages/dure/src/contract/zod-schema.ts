/** What is known of the insides of one library's schemas, Zod 4. */
import type { AnySchema, Misfit } from './schema.ts'

// The parts of Zod's internals that are read. They are documented for library authors: https://zod.dev/library-authors
export type ZodSchema = AnySchema & {
  readonly _zod: {
    readonly def: ZodDef
    readonly bag: { readonly Class?: { readonly name: string } }
    readonly parent?: ZodSchema
  }
}
export type ZodDef = {
  readonly type: string
  readonly format?: string
  readonly element?: ZodSchema
  readonly innerType?: ZodSchema
  readonly catchall?: ZodSchema
  readonly entries?: Readonly<Record<string, unknown>>
  readonly coerce?: boolean
  readonly mode?: unknown
  readonly keyType?: ZodSchema
  readonly valueType?: ZodSchema
  readonly values?: readonly unknown[]
  readonly shape?: object
  readonly in?: ZodSchema
  readonly out?: ZodSchema
  readonly transform?: unknown
  readonly defaultValue?: unknown
  readonly catchValue?: (context: unknown) => unknown
  readonly checks?: readonly { readonly _zod: { readonly def: { readonly check: string } & Readonly<Record<string, unknown>> } }[]
}
export type Refuse = (problem: Omit<Misfit, 'where'>) => void
export type Draft = Record<string, unknown>

export function isZod(schema: unknown): schema is ZodSchema {
  const { '~standard': standard, _zod } = (schema ?? {}) as {
    '~standard'?: { vendor?: unknown; jsonSchema?: unknown }
    _zod?: unknown
  }
  return standard?.vendor === 'zod' && standard.jsonSchema !== undefined && _zod !== undefined
}
