/** A value that a schema allows, to show how one looks. */
import type { Type } from './type.ts'

const FORMATS: Readonly<Record<string, string>> = {
  'date-time': '2026-01-01T00:00:00Z',
  date: '2026-01-01',
  email: 'a@example.com',
  uri: 'https://example.com',
  uuid: '00000000-0000-4000-8000-000000000000',
}

/**
 * With what must be there. Patterns and refinements may want more than this finds: the parser of the schema says so.
 * @throws {Error} when it has none, or none that JSON writes
 */
export function sampleFor({ variants }: Type): unknown {
  const [variant] = variants
  if (variant === undefined) throw new Error('It has no values')
  if (variant.literal !== undefined) return variant.literal
  const { minimum, minLength, format } = variant.schema as Readonly<{ minimum?: number; minLength?: number; format?: string }>
  switch (variant.kind) {
    case 'string':
      return FORMATS[format ?? ''] ?? 'a'.repeat(Math.max(1, minLength ?? 1))
    case 'number':
    case 'integer':
      return Math.max(1, Math.ceil(minimum ?? 1))
    case 'boolean':
      return true
    case 'null':
      return null
    case 'array':
      return []
    case 'object':
      return Object.fromEntries(
        [...variant.fields].filter(([name]) => variant.required.has(name)).map(([name, type]) => [name, sampleFor(type)]),
      )
    default:
      throw new Error(`A ${variant.kind} is not written as JSON`)
  }
}
