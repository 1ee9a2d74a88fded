/** Codecs for the types of a model: compiled once, so that a value is written and read without looking at its type. */
import { objectMaker, propertyText, setKey } from 'dure/contract/internal'
import { ENTRIES, itemsCodec, LISTS, mapCodec, SETS } from './collections.ts'
import type { Enum, Model, Struct, ThriftField, ThriftType } from './types.ts'
import { SCALARS, type Codec } from './scalars.ts'
import { Malformed, Misfit, TYPE, type Reader, type Writer } from './wire/wire.ts'

export type { Codec } from './scalars.ts'

export type Codecs = {
  readonly of: (type: ThriftType) => Codec
  /** Of fields without a struct of their own in the contract: what a method takes. */
  readonly fields: (fields: readonly ThriftField[], where: string) => Codec
}

export function codecsOf({ structs, enums }: Pick<Model, 'structs' | 'enums'>): Codecs {
  const made = new Map<string, Codec>()

  function of(type: ThriftType): Codec {
    switch (type.kind) {
      case 'scalar':
        return SCALARS[type.of]
      case 'enum':
        return enumCodec(enums.get(type.name)!)
      case 'struct':
        return structOnce(type.name)
      case 'map':
        return mapCodec(of(type.key), of(type.value), type.of)
      case 'set':
        return itemsCodec(of(type.items), 'set', SETS)
      default:
        return itemsCodec(of(type.items), 'list', type.of === 'list' ? LISTS : type.of === 'set' ? SETS : ENTRIES)
    }
  }

  /** A struct may contain itself: it is referred to before it is made. */
  function structOnce(name: string): Codec {
    const known = made.get(name)
    if (known !== undefined) return known
    made.set(name, {
      type: TYPE.struct,
      write: (to, value) => made.get(name)!.write(to, value),
      read: (from) => made.get(name)!.read(from),
    })
    const own = structCodec(structs.get(name)!)
    made.set(name, own)
    return own
  }

  function structCodec(struct: Struct): Codec {
    const parts = struct.fields.map((field) => ({ ...field, codec: of(field.type) }))
    switch (struct.of) {
      case 'wrapper':
        return wrapperCodec(parts[0]!, struct.name)
      case 'tuple':
        return tupleCodec(parts, struct.name)
      case 'union':
        return unionCodec(struct, parts)
      default:
        return objectCodec(parts, struct.name)
    }
  }

  function unionCodec({ name, keyOf }: Struct, parts: readonly Part[]): Codec {
    const byKey = new Map<unknown, Part>(parts.map((part) => [part.key, part]))
    const read = fieldReader(parts, name)
    return {
      type: TYPE.struct,
      write: (to, value) => {
        const part = byKey.get(keyOf!(value))
        if (part === undefined) throw new Misfit(`"${name}": the value is none of its members`)
        to.begin()
        writePart(to, part, value, name)
        to.end()
      },
      read: (from) => {
        let [value, count]: [unknown, number] = [undefined, 0]
        read(from, (_, found) => {
          value = found
          count++
        })
        if (count > 1) throw new Malformed(`the union "${name}" has more than one field`)
        return value
      },
    }
  }

  return {
    of,
    fields: (fields, where) =>
      objectCodec(
        fields.map((field) => ({ ...field, codec: of(field.type) })),
        where,
      ),
  }
}

type Part = ThriftField & { readonly codec: Codec }

function writePart(to: Writer, { codec, number, name }: Part, value: unknown, where: string): void {
  if (codec.type === TYPE.bool) {
    if (typeof value !== 'boolean') throw new Misfit(`"${where}.${name}": ${typeof value} stands where a boolean should`)
    return to.boolField(number, value)
  }
  to.field(codec.type, number)
  codec.write(to, value)
}

/** Reads the fields that are known; others are of a later release, and are left out. */
function fieldReader(parts: readonly Part[], where: string): (from: Reader, found: (part: Part, value: unknown) => void) => void {
  const byNumber = new Map(parts.map((part) => [part.number, part]))
  return (from, found) => {
    from.begin()
    while (from.field()) {
      const part = byNumber.get(from.id)
      if (part === undefined) from.skip(from.type)
      else if (part.codec.type !== from.type) throw unlike(part, from, where)
      else found(part, part.codec.read(from))
    }
    from.end()
  }
}

/** Of a field that has not come. */
const ABSENT = Symbol('absent')

function objectCodec(parts: readonly Part[], where: string): Codec {
  const places = new Map(parts.map((part, at) => [part.number, at]))
  const whole = objectMaker(parts.map(({ key }) => String(key)))
  /** Keys stand in the contract's order, as they do without a door; null has not been on the way. */
  const partly = (values: readonly unknown[]): Record<string, unknown> => {
    const value: Record<string, unknown> = {}
    for (const [at, { key, absent }] of parts.entries()) {
      const own = at < values.length ? values[at] : ABSENT
      if (own !== ABSENT) setKey(value, key as string, own)
      else if (absent === null) setKey(value, key as string, null)
    }
    return value
  }
  /** What follows the first fields, in whatever order and however many. */
  const rest = (from: Reader, values: unknown[]): unknown => {
    // Whoever writes them does so in the contract's order, and leaves few out.
    let [next, isWhole] = [values.length, true]
    while (from.field()) {
      const { id } = from
      const at = parts[next]?.number === id ? next : places.get(id)
      if (at === undefined) {
        from.skip(from.type)
        continue
      }
      const part = parts[at]!
      if (part.codec.type !== from.type) throw unlike(part, from, where)
      if (at !== next) {
        isWhole = false
        while (values.length < at) values.push(ABSENT)
      }
      values[at] = part.codec.read(from)
      next = at + 1
    }
    from.end()
    return isWhole && values.length === parts.length ? whole(values) : partly(values)
  }
  return {
    type: TYPE.struct,
    write: (to, value) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Misfit(`"${where}": it is no object`)
      to.begin()
      for (const part of parts) {
        const own = (value as Record<string | number, unknown>)[part.key]
        if (own === undefined ? !part.required : own === null && part.absent === null) continue
        writePart(to, part, own, where)
      }
      to.end()
    },
    read: straightReader(parts, rest),
  }
}

/** Fields of a struct that a function is made for: its text grows with the square of them. */
const MOST_STRAIGHT = 100

type Rest = (from: Reader, values: unknown[]) => unknown

/** Of the types that a reader has a method for. */
const PIECES = new Map<Codec, string>(
  Object.entries({ string: 'string', boolean: 'bool', int32: 'i32', int64: 'i64', double: 'double' } as const).map(
    ([of, piece]) => [SCALARS[of as keyof typeof SCALARS], piece],
  ),
)

/**
 * Reads the fields of a struct that come in the contract's order with none left out, as nearly all do, by a function of its own that
 * looks at no table; from the first that does not, `rest` goes on. Where code may not be made from text, `rest` reads all.
 */
function straightReader(parts: readonly Part[], rest: Rest): (from: Reader) => unknown {
  const all = (from: Reader): unknown => {
    from.begin()
    return rest(from, [])
  }
  if (parts.length > MOST_STRAIGHT) return all
  const values = parts.map((_, at) => `v${at}`)
  const lines = parts.flatMap(({ codec, number }, at) => {
    const piece = PIECES.get(codec)
    return [
      `if (!from.next(${codec.type}, ${number})) return rest(from, [${values.slice(0, at).join(', ')}])`,
      `const v${at} = ${piece === undefined ? `r${at}` : `from.${piece}`}(${piece === undefined ? 'from' : ''})`,
    ]
  })
  const made = `{ ${parts.map(({ key }, at) => `${propertyText(String(key))}: v${at}`).join(', ')} }`
  lines.push(`if (!from.ends()) return rest(from, [${values.join(', ')}])`, `return ${made}`)
  const reads = parts.map(({ codec }) => codec.read)
  try {
    // Of the contract only keys get into the text, each written as JSON.
    return new Function('rest', ...parts.map((_, at) => `r${at}`), `return (from) => { from.begin()\n${lines.join('\n')} }`)(
      rest,
      ...reads,
    ) as ReturnType<typeof straightReader>
  } catch (error) {
    if (!(error instanceof EvalError)) throw error
    return all
  }
}

function unlike({ name, codec }: Part, { id, type }: Reader, where: string): Malformed {
  return new Malformed(`field ${id} of "${where}" has type ${type}, and "${name}" has type ${codec.type}`)
}

function wrapperCodec(part: Part, where: string): Codec {
  const read = fieldReader([part], where)
  return {
    type: TYPE.struct,
    write: (to, value) => {
      to.begin()
      if (value !== part.absent) writePart(to, part, value, where)
      to.end()
    },
    read: (from) => {
      let value: unknown = part.absent
      read(from, (_, found) => void (value = found))
      return value
    },
  }
}

function tupleCodec(parts: readonly Part[], where: string): Codec {
  const read = fieldReader(parts, where)
  const rest = parts.find(({ name }) => name === 'rest')
  const most = rest === undefined ? parts.length : Number.POSITIVE_INFINITY
  return {
    type: TYPE.struct,
    write: (to, value) => {
      if (!Array.isArray(value) || value.length > most) throw new Misfit(`"${where}": it is no list of ${parts.length} items`)
      to.begin()
      for (const part of parts) {
        const own: unknown = part === rest ? value.slice(part.key as number) : value[part.key as number]
        if (own === undefined ? !part.required : own === null && part.absent === null) continue
        writePart(to, part, own, where)
      }
      to.end()
    },
    read: (from) => {
      const value: unknown[] = []
      let more: unknown = []
      read(from, (part, found) => {
        if (part === rest) more = found
        else value[part.key as number] = found
      })
      for (const { key, absent } of parts) if (absent === null) value[key as number] ??= null
      // A place that is not there is undefined, and no hole.
      const whole = Array.from(value)
      if ((more as unknown[]).length > 0) whole.length = rest!.key as number
      return whole.concat(more)
    },
  }
}

function enumCodec({ name, values }: Enum): Codec {
  const numbers = new Map(values.map(({ value, number }) => [value as unknown, number]))
  const byNumber = new Map(values.map(({ value, number }) => [number, value]))
  return {
    type: TYPE.i32,
    write: (to, value) => {
      const number = numbers.get(value)
      if (number === undefined) throw new Misfit(`"${name}": ${JSON.stringify(value)} is none of its values`)
      to.i32(number)
    },
    read: (from) => {
      const number = from.i32()
      // One of a later release, which the contract refuses.
      return byNumber.get(number) ?? number
    },
  }
}
