/** Values as XML, by the types of a contract. */
import { CallError } from 'dure/contract'
import { memberFinder, unknownToJson, type NamedType, type TypeRef } from 'dure/contract/internal'
import type { Part, SoapModel } from './model.ts'
import { SCALARS } from './scalars.ts'
import { escapeXml, isXmlText } from './xml.ts'

/** What is inside an element. */
type Content = (value: unknown) => string

export type XmlWriter = {
  /** One element for a part; none when it is absent. @throws {CallError} for text that XML has no word for */
  readonly part: (part: Part) => Content
  /** The parts of an object, one after the other. */
  readonly fields: (type: NamedType & { readonly kind: 'object' }) => Content
}

export const NIL = ' xsi:nil="true"'

/** Compiles writers for the types of a contract. */
export function xmlWriter(model: SoapModel): XmlWriter {
  const { types } = model.types
  const memberOf = memberFinder(model.types)
  const named = new Map<string, Content>()

  function element(name: string, ref: TypeRef): Content {
    const inside = content(ref)
    const [open, close, nil] = [`<${name}>`, `</${name}>`, `<${name}${NIL}/>`]
    return (value) => (value === null && ref.kind !== 'json' ? nil : open + inside(value) + close)
  }

  function part({ element: name, type }: Part): Content {
    const whole = element(name, type)
    return (value) => (value === undefined ? '' : whole(value))
  }

  function content(ref: TypeRef): Content {
    switch (ref.kind) {
      case 'scalar':
        return ref.scalar === 'string' ? (value) => textOf(String(value)) : SCALARS[ref.scalar].write
      case 'list':
      case 'set':
        return each(element('item', ref.items))
      case 'map':
        return each(entry(element('key', ref.key), element('value', ref.value)))
      case 'record': {
        const entries = each(entry(element('key', TEXT), element('value', ref.value)))
        return (value) => entries(Object.entries(value as object))
      }
      case 'json':
        return (value) => textOf(JSON.stringify(unknownToJson(value)))
      case 'nothing':
        return () => ''
      default:
        return (value) => contentOf(ref.name)(value)
    }
  }

  /** Made when it is first met: a type may contain itself. */
  function contentOf(name: string): Content {
    let made = named.get(name)
    if (made === undefined) named.set(name, (made = namedContent(types.get(name)!)))
    return made
  }

  function namedContent(type: NamedType): Content {
    if (type.kind === 'enum') return (value) => escapeXml(String(value))
    if (type.kind === 'union') return unionContent(type)
    return type.kind === 'tuple' ? placesContent(type) : fields(type)
  }

  function fields(type: NamedType & { readonly kind: 'object' }): Content {
    const parts = model.partsOf(type).map((one) => ({ name: one.field!.name, write: part(one) }))
    return (value) => {
      let inside = ''
      for (const { name, write } of parts)
        if (Object.hasOwn(value as object, name)) inside += write((value as Readonly<Record<string, unknown>>)[name])
      return inside
    }
  }

  function placesContent(type: NamedType & { readonly kind: 'tuple' }): Content {
    const parts = model.partsOf(type).map((one) => ({ rest: one.field!.name === 'rest', write: part(one) }))
    return (value) =>
      parts.map(({ rest, write }, at) => write(rest ? (value as unknown[]).slice(at) : (value as unknown[])[at])).join('')
  }

  function unionContent(type: NamedType & { readonly kind: 'union' }): Content {
    const names = model.membersOf(type)
    const writers = new Map(type.members.map((member, at) => [member, element(names[at]!, member.type)]))
    return (value) => {
      const member = memberOf(type.members, value)
      if (member === undefined) throw new CallError('INTERNAL', `Cannot write a value as SOAP: it is none of ${type.name}`)
      return writers.get(member)!(value)
    }
  }

  return { part, fields }
}

const each = (write: Content): Content => {
  return (value) => {
    let inside = ''
    for (const one of value as Iterable<unknown>) inside += write(one)
    return inside
  }
}

const entry = (key: Content, value: Content): Content => {
  return (pair) => {
    const [name, one] = pair as readonly [unknown, unknown]
    return `<entry>${key(name)}${value(one)}</entry>`
  }
}

export const TEXT: TypeRef = { kind: 'scalar', scalar: 'string', nullable: false }

function textOf(text: string): string {
  if (isXmlText(text)) return escapeXml(text)
  throw new CallError('INVALID_ARGUMENT', 'Cannot write a text as SOAP: it has a control character that XML has no word for')
}
