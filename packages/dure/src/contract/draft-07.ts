import { mapSchemas } from './keywords.ts'
import type { JsonSchema } from './schema.ts'

/** The same in JSON Schema draft 7, of which AsyncAPI's schemas and most registries' are, and which says tuples and what stands beside a reference otherwise. */
export function draft07(schema: JsonSchema): JsonSchema {
  return mapSchemas(schema, ({ prefixItems, items, $ref, ...others }) => {
    const made: Record<string, unknown> = { ...others }
    if (Array.isArray(prefixItems)) {
      made.items = prefixItems
      // Beyond the last there is none.
      if (others.maxItems === prefixItems.length) made.additionalItems = false
      else if (items !== undefined) made.additionalItems = items
    } else if (items !== undefined) made.items = items
    if ($ref === undefined) return made
    return Object.keys(made).length === 0
      ? { $ref }
      : { ...made, allOf: [{ $ref }, ...((made.allOf as unknown[] | undefined) ?? [])] }
  })
}
