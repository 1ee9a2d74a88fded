/** Joining the documents that Zod draws of the parts of a schema. `{ "x-dure-part": n }` is the place of the nth. */
import { isSchema, mapSchemas } from './keywords.ts'
import type { JsonSchema } from './schema.ts'

/** One document of several: parts that refer to nothing go inline, the others become definitions. */
export function assemble(documents: readonly JsonSchema[]): JsonSchema {
  const inline = documents.map((document, at) => {
    if (at === 0) return false
    const { $ref, ...rest } = withoutDefs(document)
    if (typeof $ref === 'string' && $ref !== '#' && Object.keys(rest).length === 0) return true
    return !document.$defs && !JSON.stringify(document).includes('"$ref":') && !circular(at, new Set())
  })
  const definitions: Record<string, unknown> = {}
  const root = put(documents[0]!, 0) as Record<string, unknown>
  for (let at = 1; at < documents.length; at++) if (!inline[at]) definitions[`part${at}`] = put(withoutDefs(documents[at]!), at)
  documents.forEach((document, at) => {
    for (const [name, body] of Object.entries((document.$defs as JsonSchema | undefined) ?? {}))
      definitions[nameOf(at, name)] = put(body, at)
  })
  delete root.$defs
  return Object.keys(definitions).length === 0 ? root : { ...root, $defs: definitions }

  function circular(at: number, above: Set<number>): boolean {
    if (above.has(at)) return true
    const inside = [...JSON.stringify(documents[at]).matchAll(/"x-dure-part":(\d+)/g)]
    return inside.some(([, each]) => circular(Number(each), new Set([...above, at])))
  }

  // Names that Zod makes up count from zero in every document; names that people gave mean one thing everywhere.
  function nameOf(at: number, name: string): string {
    return at > 0 && name.startsWith('__schema') ? `part${at}${name}` : name
  }

  function put(document: unknown, at: number): unknown {
    if (!isSchema(document)) return document
    return mapSchemas(document, (each) => {
      const part = each['x-dure-part']
      if (part === 0) return { $ref: '#' }
      if (typeof part === 'number')
        return inline[part] ? (put(withoutDefs(documents[part]!), part) as JsonSchema) : { $ref: `#/$defs/part${part}` }
      const { $ref } = each
      if ($ref === '#' && at > 0) return { ...each, $ref: `#/$defs/part${at}` }
      return typeof $ref === 'string' && $ref.startsWith('#/$defs/')
        ? { ...each, $ref: `#/$defs/${nameOf(at, $ref.slice(8))}` }
        : each
    })
  }
}

function withoutDefs(document: JsonSchema): JsonSchema {
  const { $defs: _defs, $schema: _schema, ...rest } = document
  return rest
}
