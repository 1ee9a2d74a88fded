/**
 * The shape of a type: how its values are written as JSON. Where alternatives cannot be told apart by their JSON form, the
 * position falls back to `unknown`, whose tagged form is always exact.
 */
import { merge, same, type Category, type Shape } from './shape.ts'
import type { ObjectVariant, Type, Variant } from './type.ts'

const plain: Shape = { kind: 'plain' }
const unknown: Shape = { kind: 'unknown' }

export function shapeOf(root: Type): Shape {
  const shapes = new Map<Variant, Shape | undefined>()
  return ofType(root)

  function ofType(type: Type): Shape {
    const { optional, shared } = type
    return { ...ofVariants(type.variants), ...(optional && { optional }), ...(shared && { shared }) }
  }

  function ofVariants(variants: readonly Variant[]): Shape {
    const given = variants.filter(({ kind }) => kind !== 'null' && kind !== 'undefined')
    if (given.length === 0) return variants.length === 1 && variants[0]!.kind === 'undefined' ? { kind: 'undefined' } : plain
    if (given.length === 1) return ofVariant(given[0]!)
    const cases: Partial<Record<Category, Shape>> = {}
    const objects = given.filter((each) => each.kind === 'object')
    for (const each of given) {
      const category = categoryOf(each)
      if (category === undefined) return unknown
      if (category === 'object') continue
      const [shape, other] = [ofVariant(each), cases[category]]
      const both = other === undefined ? shape : same(other, shape)
      if (both === undefined) return unknown
      cases[category] = both
    }
    if (objects.length > 0) {
      const found = objects.map(ofVariant)
      const both = objects.length === 1 ? found[0] : (merge(found) ?? discriminated(objects, found))
      if (both === undefined) return unknown
      cases.object = both
    }
    const only = Object.values(cases)
    return only.length === 1 ? only[0]! : { kind: 'union', cases }
  }

  /** A recursive type, still being made, is followed when a value leads there. */
  function ofVariant(variant: Variant): Shape {
    if (shapes.has(variant)) return shapes.get(variant) ?? { kind: 'ref', target: () => shapes.get(variant)! }
    shapes.set(variant, undefined)
    const shape = make(variant)
    shapes.set(variant, shape)
    return shape
  }

  function make(variant: Variant): Shape {
    switch (variant.kind) {
      case 'date':
      case 'bigint':
      case 'undefined':
        return { kind: variant.kind }
      case 'bytes':
        return { kind: 'bytes', buffer: variant.schema['x-dure-class'] === 'Buffer' }
      case 'set':
        return { kind: 'set', items: ofType(variant.items!) }
      case 'map':
        return { kind: 'map', key: ofType(variant.key), value: ofType(variant.value) }
      case 'array': {
        const prefix = variant.prefix.map(ofType)
        const ends = variant.items === undefined || (prefix.length > 0 && variant.schema.items === undefined)
        return { kind: 'array', items: ends ? plain : ofType(variant.items), prefix }
      }
      case 'object': {
        const properties = new Map([...variant.fields].map(([name, type]) => [name, ofType(type)]))
        const undefinable = [...variant.required].filter((name) => properties.get(name)?.optional === true)
        return { kind: 'object', properties, rest: variant.rest && ofType(variant.rest), closed: variant.closed, undefinable }
      }
      case 'number':
      case 'integer':
        return mayBeZero(variant) ? { kind: 'number' } : plain
      case 'unknown':
      case 'opaque':
        return unknown
      default:
        return plain
    }
  }
}

// -0 is the one number that JSON.stringify changes.
function mayBeZero({ literal, schema }: Variant): boolean {
  if (literal !== undefined) return literal === 0
  const above = Number(schema.minimum) > 0 || Number(schema.exclusiveMinimum) >= 0
  const below = Number(schema.maximum) < 0 || Number(schema.exclusiveMaximum) <= 0
  return !above && !below
}

/** What a variant looks like from outside; undefined when that cannot be said. */
function categoryOf({ kind }: Variant): Category | undefined {
  switch (kind) {
    case 'string':
    case 'date':
    case 'bigint':
    case 'bytes':
      return 'string'
    case 'number':
    case 'integer':
      return 'number'
    case 'array':
    case 'map':
    case 'set':
      return 'array'
    case 'boolean':
    case 'object':
      return kind
    default:
      return undefined
  }
}

/** Alternatives that a property with one literal each tells apart. */
function discriminated(objects: readonly ObjectVariant[], shapes: readonly Shape[]): Shape | undefined {
  for (const by of objects[0]!.fields.keys()) {
    const cases = new Map<unknown, Shape>()
    const told = objects.every(({ fields }, at) => {
      const variants = fields.get(by)?.variants ?? []
      for (const { kind, literal } of variants) {
        if (literal === undefined || kind === 'bigint' || cases.has(literal)) return false
        cases.set(literal, shapes[at]!)
      }
      return variants.length > 0
    })
    if (told) return { kind: 'choice', by, cases }
  }
  return undefined
}
