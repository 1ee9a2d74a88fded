/** The shared schemas of a document: each definition once, under a name, wherever it was drawn. */
import { isData, isNames, isSchema } from './shape.ts'
import type { JsonSchema } from './wire.ts'

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

function rehome(value: unknown, nameOf: ReadonlyMap<string, string>): unknown {
  return mapRefs(value, (ref) => {
    const name = nameOf.get(ref)
    return name === undefined ? ref : refTo(name)
  })
}

function refersToItself(value: unknown): boolean {
  let found = false
  mapRefs(value, (ref) => {
    if (ref === '#') found = true
    return ref
  })
  return found
}

function mapRefs(value: unknown, change: (ref: string) => string, names: boolean = false): unknown {
  if (Array.isArray(value)) return value.map((each) => mapRefs(each, change))
  if (!isSchema(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => {
      if (names) return [key, mapRefs(part, change)]
      if (key === '$ref' && typeof part === 'string') return [key, change(part)]
      return [key, isData(key) ? part : mapRefs(part, change, isNames(key))]
    }),
  )
}

const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** `orders`, `place`, `Input` → `OrdersPlaceInput` */
export function pascal(...words: readonly string[]): string {
  return words
    .flatMap((word) => word.split(/[^A-Za-z0-9]+/))
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')
}
