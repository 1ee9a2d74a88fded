/** Avro in the registry: read and resolved by `avsc`. */
import avsc from 'avsc'
import { faults } from './fault.ts'
import type { SchemaKind } from './kind.ts'
import { readSchema, sorted } from './text.ts'

/** Unions hold the name of the branch beside the value only where the value alone does not tell. */
export type AvroType = avsc.Type

/** @throws {SchemaFault} 42201 */
export function avroType(text: string): AvroType {
  const schema = readSchema(text)
  try {
    return avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: 'auto' })
  } catch (cause) {
    throw faults.invalidSchema((cause as Error).message)
  }
}

export const avro: SchemaKind = {
  identity: (text) => {
    avroType(text)
    return JSON.stringify(sorted(short(JSON.parse(text))))
  },
  // Schema resolution of the specification, in which the names of a record need to be the same but for their namespaces.
  misreadings: (writer, reader) => {
    try {
      avroType(reader).createResolver(avroType(writer), { ignoreNamespaces: true })
      return []
    } catch (error) {
      return [(error as Error).message]
    }
  },
}

/** `{ "type": "string" }` says what `"string"` says. */
function short(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(short)
  if (typeof schema !== 'object' || schema === null) return schema
  const { type, ...others } = schema as { readonly type?: unknown }
  if (type !== undefined && Object.keys(others).length === 0) return short(type)
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, key === 'default' ? value : short(value)]))
}
