/** Isolation of a value that a schema library has just made: only what it hands over by reference needs copying. */
import { some, type Shape } from './shape.ts'
import { copyUnknown, hasKey, kindOf, setKey } from './unknown.ts'

type Change = (value: unknown) => unknown

/**
 * Copies the holes of a value that the schema library made: dates, bytes, `unknown` positions, defaults.
 * Changes that value in place. Undefined when there is nothing to do at all.
 * `lenient` hands over what is not of the wire type system instead of refusing it.
 */
export function isolatorOf(shape: Shape, lenient: boolean): Change | undefined {
  if (!some(shape, isHole)) return undefined
  const buffers = some(shape, (part) => part.kind === 'bytes' && part.buffer)
  const whole: Change = (value) => copyUnknown(value, { lenient, buffers })
  if (shape.shared === true) return whole
  switch (shape.kind) {
    case 'array': {
      if (shape.prefix.length > 0) return whole
      const items = isolatorOf(shape.items, lenient)!
      return (value) => {
        if (!Array.isArray(value)) return whole(value)
        for (let i = 0; i < value.length; i++) value[i] = items(value[i])
        return value
      }
    }
    case 'object': {
      const { properties } = shape
      const holes = [...properties].flatMap(([key, part]) => {
        const change = isolatorOf(part, lenient)
        return change === undefined ? [] : [{ key, change }]
      })
      const rest = shape.rest && isolatorOf(shape.rest, lenient)
      return (value) => {
        if (kindOf(value) !== 'object') return whole(value)
        const made = value as Record<string, unknown>
        for (const { key, change } of holes) if (hasKey(made, key)) setKey(made, key, change(made[key]))
        if (rest !== undefined) for (const key of Object.keys(made)) if (!properties.has(key)) setKey(made, key, rest(made[key]))
        return made
      }
    }
    case 'choice': {
      const { by } = shape
      const cases = new Map([...shape.cases].map(([literal, part]) => [literal, isolatorOf(part, lenient) ?? same]))
      return (value) =>
        kindOf(value) === 'object' ? (cases.get((value as Record<string, unknown>)[by]) ?? whole)(value) : whole(value)
    }
    default:
      return whole
  }
}

/** Whether the schema library hands over what stands there as it is. */
const isHole = ({ shared, kind }: Shape): boolean => shared === true || kind === 'date' || kind === 'bytes' || kind === 'unknown'

const same: Change = (value) => value
