/** The shared schemas of a document: each definition once, under a name, wherever it was drawn. */
import { isSchema, mapSchemas } from './keywords.ts'
import type { JsonSchema } from './schema.ts'

export type Components = {
  /** Takes in a schema with its definitions; answers with one that refers to the document's. */
  readonly add: (schema: JsonSchema, hint: string) => JsonSchema
  /** The same, and the schema itself becomes a component. */
  readonly name: (schema: JsonSchema, hint: string) => JsonSchema
  readonly schemas: () => Readonly<Record<string, unknown>>
}

export function components(): Components {
  const schemas: Record<string, unknown> = {}

  function add(schema: JsonSchema, hint: string, named: boolean): JsonSchema {
    const { $defs, ...root } = schema
    const definitions = Object.entries(($defs as JsonSchema | undefined) ?? {})
    const self = named || refersToItself(root) || definitions.some(([, body]) => refersToItself(body))
    if (self) definitions.unshift(['#', root])
    // A name that means something else already gets a number; all of one schema's together, so that they still fit.
    for (let attempt = 1; ; attempt++) {
      const nameOf = new Map(
        definitions.map(([name], at) => [
          name === '#' ? '#' : `#/$defs/${name}`,
          nameFor(name, at, hint) + (attempt === 1 ? '' : String(attempt)),
        ]),
      )
      const bodies = definitions.map(
        ([name, body]) => [nameOf.get(name === '#' ? '#' : `#/$defs/${name}`)!, rehome(body, nameOf)] as const,
      )
      const names = new Set(bodies.map(([name]) => name))
      const free =
        names.size === bodies.length &&
        bodies.every(([name, body]) => !Object.hasOwn(schemas, name) || equal(schemas[name], body))
      if (!free) continue
      for (const [name, body] of bodies) schemas[name] = body
      return (self ? { $ref: refTo(nameOf.get('#')!) } : rehome(root, nameOf)) as JsonSchema
    }
  }

  return {
    add: (schema, hint) => add(schema, hint, false),
    name: (schema, hint) => {
      const only = Object.keys(schema)
      // Already a reference to a definition with a name of its own.
      return add(schema, hint, !(only.length === 2 && only.includes('$ref') && only.includes('$defs')))
    },
    schemas: () => schemas,
  }
}

function nameFor(name: string, at: number, hint: string): string {
  if (name === '#') return hint
  if (name.startsWith('__schema') || /^part\d/.test(name)) return `${hint}Part${at}`
  return name.replaceAll(/[^A-Za-z0-9._-]/g, '_')
}

const refTo = (name: string): string => `#/components/schemas/${name}`

function rehome(schema: unknown, nameOf: ReadonlyMap<string, string>): unknown {
  if (!isSchema(schema)) return schema
  return mapSchemas(schema, (each) => {
    const name = typeof each.$ref === 'string' ? nameOf.get(each.$ref) : undefined
    return name === undefined ? each : { ...each, $ref: refTo(name) }
  })
}

function refersToItself(schema: unknown): boolean {
  let found = false
  if (isSchema(schema))
    mapSchemas(schema, (each) => {
      found ||= each.$ref === '#'
      return each
    })
  return found
}

const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** `orders`, `place`, `Input` → `OrdersPlaceInput` */
export function pascal(...words: readonly string[]): string {
  return words
    .flatMap((word) => word.split(/[^A-Za-z0-9]+/))
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')
}
