import { inspect } from 'node:util'
import type { AnyEvent } from 'dure/contract'
import { parserOf, shown, typeOf, type Type } from 'dure/contract/internal'

const FORMATS: Readonly<Record<string, string>> = {
  'date-time': '2026-01-01T00:00:00Z',
  date: '2026-01-01',
  email: 'a@example.com',
  uri: 'https://example.com',
  uuid: '00000000-0000-4000-8000-000000000000',
}

/** Data that an event's schema allows, as they are written in TypeScript; undefined when that needs thought. */
export async function sampleOf({ schema }: AnyEvent): Promise<string | undefined> {
  try {
    const value = valueFor(typeOf(shown(schema, 'input')))
    const { ok } = await parserOf(schema, 'input')(value)
    return ok ? inspect(value, { depth: null, compact: true, breakLength: Infinity }) : undefined
  } catch {
    // Patterns and refinements want more than this finds.
    return undefined
  }
}

function valueFor({ variants }: Type): unknown {
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
        [...variant.fields].filter(([name]) => variant.required.has(name)).map(([name, type]) => [name, valueFor(type)]),
      )
    default:
      throw new Error(`A ${variant.kind} is not written as JSON`)
  }
}
