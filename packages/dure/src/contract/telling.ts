import type { ObjectVariant } from './type.ts'

export type Telling = { readonly field: string; readonly value: string | number | boolean | null }

/** The field whose one value tells each of several objects from the others, and that value; undefined when there is none. */
export function literalsTelling(objects: readonly ObjectVariant[]): ReadonlyMap<ObjectVariant, Telling> | undefined {
  const [first] = objects
  if (first === undefined || objects.length < 2) return undefined
  for (const field of first.fields.keys()) {
    const tells = new Map<ObjectVariant, Telling>()
    const seen = new Set<unknown>()
    for (const object of objects) {
      const variants = object.required.has(field) ? object.fields.get(field)?.variants : undefined
      const value = variants?.length === 1 ? variants[0]!.literal : undefined
      if (value === undefined || seen.has(value)) break
      seen.add(value)
      tells.set(object, { field, value })
    }
    if (tells.size === objects.length) return tells
  }
  return undefined
}
