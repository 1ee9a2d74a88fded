/** The types of a contract as XML Schema 1.0. */
import { pascal, type NamedType, type TypeRef } from 'dure/contract/internal'
import { draw, drawText, type Drawn } from './element.ts'
import type { Part, SoapModel, SoapOperation } from './model.ts'
import { SCALARS } from './scalars.ts'
import { TEXT } from './write.ts'

export const XSD = 'http://www.w3.org/2001/XMLSchema'

/** One schema of all elements and types of a contract. */
export function schemaOf(model: SoapModel): Drawn {
  const { namespace, types, operations } = model
  const faults = new Map(operations.flatMap((one) => one.faults.map((fault) => [fault.element, fault] as const)))
  /** Types that elements are of; what an operation's own element has taken the fields of is not drawn once more. */
  const used = new Set<string>()
  const drawn: Drawn[] = []
  const collections = new Map<string, string>()
  // Programs make classes of elements and of types.
  const taken = new Set([
    ...Array.from(types.types.keys(), model.typeName),
    ...operations.flatMap(({ element, answer }) => [pascal(element), pascal(answer)]),
    ...faults.keys(),
  ])
  const elements = [
    ...operations.flatMap((operation) => [
      draw('xsd:element', { name: operation.element }, sequence(inputOf(model, operation))),
      draw('xsd:element', { name: operation.answer }, sequence(operation.output === undefined ? [] : [part(operation.output)])),
    ]),
    ...Array.from(faults.values(), ({ element, data }) =>
      draw(
        'xsd:element',
        { name: element },
        sequence(data.kind === 'nothing' ? [] : [part({ element: 'data', type: data, optional: false })]),
      ),
    ),
  ]
  // Drawing one meets others, which come behind it.
  for (const name of used) drawn.push(named(types.types.get(name)!))
  const own = { 'xmlns:tns': namespace, targetNamespace: namespace, elementFormDefault: 'qualified' }
  return draw('xsd:schema', { 'xmlns:xsd': XSD, ...own }, ...elements, ...drawn)

  function named(type: NamedType): Drawn {
    const about = documented(type.description)
    const name = model.typeName(type.name)
    switch (type.kind) {
      case 'enum': {
        const values = type.values.map((value) => draw('xsd:enumeration', { value }))
        return draw('xsd:simpleType', { name }, about, draw('xsd:restriction', { base: 'xsd:string' }, ...values))
      }
      case 'union': {
        const elements = model.membersOf(type)
        const members = type.members.map((member, at) => part({ element: elements[at]!, type: member.type, optional: false }))
        return draw('xsd:complexType', { name }, about, draw('xsd:choice', {}, ...members))
      }
      default:
        return draw('xsd:complexType', { name }, about, draw('xsd:sequence', {}, ...model.partsOf(type).map(part)))
    }
  }

  function part({ element, type, optional, field }: Part): Drawn {
    return particle(element, type, { minOccurs: optional ? '0' : undefined }, field?.description)
  }

  function particle(name: string, ref: TypeRef, occurs: Drawn['attributes'], about?: string): Drawn {
    const attributes = { name, ...occurs, nillable: ref.nullable && ref.kind !== 'json' ? 'true' : undefined }
    const text = documented(about)
    const plain = (type: string): Drawn => draw('xsd:element', { ...attributes, type }, text)
    switch (ref.kind) {
      case 'scalar':
        return plain(SCALARS[ref.scalar].xsd)
      case 'named':
        used.add(ref.name)
        return plain(`tns:${model.typeName(ref.name)}`)
      case 'json':
        return draw('xsd:element', { ...attributes, type: 'xsd:string' }, text ?? documented('JSON'))
      case 'list':
      case 'set':
      case 'map':
      case 'record':
        return plain(`tns:${collection(ref)}`)
      default:
        return draw('xsd:element', attributes, text, sequence([]))
    }
  }

  /** A type of its own for each kind of list and map: what is inside an element without one becomes a class inside a class. */
  function collection(ref: TypeRef & { readonly kind: 'list' | 'set' | 'map' | 'record' }): string {
    const own = wordOf({ ...ref, nullable: false })
    const known = collections.get(own)
    if (known !== undefined) return known
    const name = free(own)
    collections.set(own, name)
    if ('items' in ref) {
      drawn.push(draw('xsd:complexType', { name }, draw('xsd:sequence', {}, particle('item', ref.items, MANY))))
      return name
    }
    const entry = free(`${name}Entry`)
    const pair = [particle('key', ref.kind === 'map' ? ref.key : TEXT, {}), particle('value', ref.value, {})]
    drawn.push(
      draw(
        'xsd:complexType',
        { name },
        draw('xsd:sequence', {}, draw('xsd:element', { name: 'entry', ...MANY, type: `tns:${entry}` })),
      ),
      draw('xsd:complexType', { name: entry }, draw('xsd:sequence', {}, ...pair)),
    )
    return name
  }

  function free(name: string): string {
    let own = name
    for (let n = 2; taken.has(own); n++) own = `${name}${n}`
    taken.add(own)
    return own
  }

  function wordOf(ref: TypeRef): string {
    const nullable = ref.nullable ? 'Nullable' : ''
    switch (ref.kind) {
      case 'scalar':
        return nullable + pascal(ref.scalar)
      case 'named':
        return nullable + model.typeName(ref.name)
      case 'list':
      case 'set':
        return `${nullable}ListOf${wordOf(ref.items)}`
      case 'map':
      case 'record':
        return `${nullable}MapOf${wordOf(ref.kind === 'map' ? ref.key : TEXT)}To${wordOf(ref.value)}`
      default:
        return nullable + pascal(ref.kind)
    }
  }

  function inputOf({ partsOf }: SoapModel, { input }: SoapOperation): readonly Drawn[] {
    if (input === undefined) return []
    return 'whole' in input ? [part(input.whole)] : partsOf(input.fields).map(part)
  }
}

const MANY = { minOccurs: '0', maxOccurs: 'unbounded' }

const sequence = (parts: readonly Drawn[]): Drawn => draw('xsd:complexType', {}, draw('xsd:sequence', {}, ...parts))

export function documented(text: string | undefined): Drawn | undefined {
  return text === undefined ? undefined : draw('xsd:annotation', {}, drawText('xsd:documentation', text))
}
