/**
 * Isolation: a copy that shares nothing mutable, and the cheaper one for values that a schema library has
 * just made, where only the positions that it hands over by reference need copying.
 */
import { some, type Category, type Shape } from './shape.ts'
import { copyUnknown, hasKey, kindOf, setKey } from './unknown.ts'

type Change = (value: unknown) => unknown

/** Copies values of a shape, whole. */
export function copierOf(shape: Shape): Change {
  return compiler(false)(shape)
}

/**
 * Copies the holes of a value that the schema library made: dates, bytes, `unknown` positions, defaults.
 * Changes that value in place. Undefined when there is nothing to do at all.
 * `lenient` hands over what is not of the wire type system instead of refusing it.
 */
export function isolatorOf(shape: Shape, lenient: boolean): Change | undefined {
  const copier = compiler(lenient)
  const refs = new Map<Shape, { change: Change | undefined }>()
  return isolator(shape)

  function isolator(at: Shape): Change | undefined {
    if (at.shared === true) return copier(at)
    switch (at.kind) {
      case 'plain':
      case 'number':
      case 'bigint':
      case 'undefined':
        return undefined
      case 'array': {
        if (at.prefix.length > 0) return hasHoles(at) ? copier(at) : undefined
        const items = isolator(at.items)
        if (items === undefined) return undefined
        return (value) => {
          if (!Array.isArray(value)) return copyUnknown(value, lenient)
          for (let i = 0; i < value.length; i++) value[i] = items(value[i])
          return value
        }
      }
      case 'object': {
        const holes = [...at.properties].flatMap(([key, part]) => {
          const change = isolator(part)
          return change === undefined ? [] : [{ key, change }]
        })
        const { properties } = at
        const rest = at.rest && isolator(at.rest)
        if (holes.length === 0 && rest === undefined) return undefined
        return (value) => {
          if (kindOf(value) !== 'object') return copyUnknown(value, lenient)
          const made = value as Record<string, unknown>
          for (const { key, change } of holes) if (hasKey(made, key)) setKey(made, key, change(made[key]))
          if (rest !== undefined)
            for (const key of Object.keys(made)) if (!properties.has(key)) setKey(made, key, rest(made[key]))
          return made
        }
      }
      case 'union':
      case 'choice':
        return hasHoles(at) ? pick(at, (part) => isolator(part) ?? ((value) => value), lenient) : undefined
      case 'ref': {
        if (!hasHoles(at)) return undefined
        const known = refs.get(at.target())
        if (known !== undefined) return (value) => known.change!(value)
        const slot: { change: Change | undefined } = { change: undefined }
        refs.set(at.target(), slot)
        slot.change = isolator(at.target())
        return slot.change
      }
      case 'map':
      case 'set':
        return hasHoles(at) ? copier(at) : undefined
      default:
        return copier(at)
    }
  }
}

/** Whether a value that the schema library made can still share something with what it was made from. */
function hasHoles(shape: Shape): boolean {
  return some(shape, ({ shared, kind }) => shared === true || kind === 'date' || kind === 'bytes' || kind === 'unknown')
}

function compiler(lenient: boolean): (shape: Shape) => Change {
  const other: Change = (value) => copyUnknown(value, lenient)
  const refs = new Map<Shape, { change: Change }>()
  return copier

  function copier(shape: Shape): Change {
    switch (shape.kind) {
      case 'bytes':
        if (!shape.buffer) return other
        return (value) => (kindOf(value) === 'bytes' ? Buffer.from(value as Uint8Array) : other(value))
      case 'array': {
        const prefix = shape.prefix.map(copier)
        const items = copier(shape.items)
        return (value) =>
          kindOf(value) === 'array' ? Array.from(value as unknown[], (part, at) => (prefix[at] ?? items)(part)) : other(value)
      }
      case 'object': {
        const properties = new Map([...shape.properties].map(([key, part]) => [key, copier(part)]))
        const rest = shape.rest === undefined ? other : copier(shape.rest)
        return (value) => {
          if (kindOf(value) !== 'object') return other(value)
          const made: Record<string, unknown> = Object.getPrototypeOf(value) === null ? Object.create(null) : {}
          for (const key of Object.keys(value as object))
            setKey(made, key, (properties.get(key) ?? rest)((value as Record<string, unknown>)[key]))
          return made
        }
      }
      case 'map': {
        const [key, part] = [copier(shape.key), copier(shape.value)]
        return (value) => (value instanceof Map ? new Map(Array.from(value, ([k, v]) => [key(k), part(v)])) : other(value))
      }
      case 'set': {
        const items = copier(shape.items)
        return (value) => (value instanceof Set ? new Set(Array.from(value, items)) : other(value))
      }
      case 'union':
      case 'choice':
        return pick(shape, copier, lenient)
      case 'ref': {
        let slot = refs.get(shape.target())
        if (slot === undefined) {
          slot = { change: other }
          refs.set(shape.target(), slot)
          slot.change = copier(shape.target())
        }
        const known = slot
        return (value) => known.change(value)
      }
      default:
        return other
    }
  }
}

function pick(shape: Extract<Shape, { kind: 'union' | 'choice' }>, of: (part: Shape) => Change, lenient: boolean): Change {
  const other: Change = (value) => copyUnknown(value, lenient)
  if (shape.kind === 'choice') {
    const cases = new Map([...shape.cases].map(([literal, part]) => [literal, of(part)]))
    const { by } = shape
    return (value) =>
      kindOf(value) === 'object' ? (cases.get((value as Record<string, unknown>)[by]) ?? other)(value) : other(value)
  }
  const cases = Object.fromEntries(Object.entries(shape.cases).map(([category, part]) => [category, of(part)])) as Partial<
    Record<Category, Change>
  >
  return (value) => {
    const category = categoryOf(value)
    return category === undefined ? other(value) : (cases[category] ?? other)(value)
  }
}

/** Which category a value's JSON form is of. */
export function categoryOf(value: unknown): Category | undefined {
  switch (kindOf(value)) {
    case 'date':
    case 'bytes':
      return 'string'
    case 'array':
    case 'map':
    case 'set':
      return 'array'
    case 'object':
      return 'object'
    case 'scalar': {
      const type = typeof value
      return type === 'bigint' ? 'string' : type === 'string' || type === 'number' || type === 'boolean' ? type : undefined
    }
    default:
      return undefined
  }
}
