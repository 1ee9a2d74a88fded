/** The types of a contract as XML Schema 1.0. */
import type { NamedType, TypeRef } from 'dure/contract/internal'
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
  const drawn: Drawn[] = []
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
        return draw('xsd:element', attributes, text, sequence([particle('item', ref.items, MANY)]))
      case 'map':
        return draw('xsd:element', attributes, text, entries(ref.key, ref.value))
      case 'record':
        return draw('xsd:element', attributes, text, entries(TEXT, ref.value))
      default:
        return draw('xsd:element', attributes, text, sequence([]))
    }
  }

  function entries(key: TypeRef, value: TypeRef): Drawn {
    const pair = sequence([particle('key', key, {}), particle('value', value, {})])
    return sequence([draw('xsd:element', { name: 'entry', ...MANY }, pair)])
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
