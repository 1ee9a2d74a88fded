/** An event's schema as a document of its own: what registries keep, and programs in other languages read. */
import { draft07 } from './draft-07.ts'
import type { AnyEvent } from './event.ts'
import { shown } from './json-schema.ts'
import { mapSchemas, without } from './keywords.ts'
import type { JsonSchema } from './schema.ts'

/** JSON Schema of draft 7, the one that every registry and most libraries know. */
export function eventDocument({ name, version, schema, description }: AnyEvent): JsonSchema {
  // A format says more of a text than the pattern that happens to check it, which another release of its library may change.
  const told = mapSchemas(shown(schema, 'output'), (each) =>
    each.format === undefined ? each : without(each, (keyword) => keyword === 'pattern'),
  )
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: name,
    ...(description !== undefined && { description }),
    ...draft07(told),
    'x-dure-schema-version': version,
  }
}
