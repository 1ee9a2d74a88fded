/** One contract in SOAP's words: what its elements and types are called. Documents and codecs are made of this. */
import type { AnyContract } from 'dure/contract'
import {
  identifiersFor,
  pascal,
  typesOf,
  wireOf,
  type NamedField,
  type NamedType,
  type OperationTypes,
  type TypeRef,
  type TypeTable,
} from 'dure/contract/internal'
import { camel, namespaceOf, typeNames } from './names.ts'
import { isXmlText } from './xml.ts'

/** A part of an element: a field of an object, a place of a tuple, an input or an output. */
export type Part = { readonly element: string; readonly type: TypeRef; readonly optional: boolean; readonly field?: NamedField }

export type SoapFault = { readonly code: string; readonly element: string; readonly data: TypeRef }

export type SoapOperation = {
  readonly types: OperationTypes
  /** Its element, and that of its answer. */
  readonly element: string
  readonly answer: string
  /** The fields of the input in their order; or the one part that is all of it. */
  readonly input: { readonly whole: Part } | { readonly fields: NamedType & { readonly kind: 'object' } } | undefined
  readonly output: Part | undefined
  readonly faults: readonly SoapFault[]
}

export type SoapModel = {
  readonly contract: AnyContract
  readonly namespace: string
  readonly types: TypeTable
  /** The name of a type in documents. */
  readonly typeName: (name: string) => string
  /** What is inside elements of a type, one after the other. */
  readonly partsOf: (type: NamedType & { readonly kind: 'object' | 'tuple' }) => readonly Part[]
  /** The elements of a union's members, in their order. */
  readonly membersOf: (type: NamedType & { readonly kind: 'union' }) => readonly string[]
  /** Commands and queries: SOAP answers once. */
  readonly operations: readonly SoapOperation[]
}

/** @throws {TypeError} for what SOAP could not tell apart, naming the contract and what to do */
export function modelOf(contract: AnyContract, namespace: string = namespaceOf(contract)): SoapModel {
  const types = typesOf([contract])
  const answering = types.operations.filter(({ operation }) => operation.kind === 'command' || operation.kind === 'query')
  refuseTwins(contract, answering)
  for (const type of types.types.values()) refuseValues(contract, type)
  const faultNames = identifiersFor(
    [...new Set(answering.flatMap(({ errors }) => errors.map(({ code }) => code)))].map(faultName),
  )
  const elements = [...answering.flatMap(({ name }) => [name, `${name}Response`]), ...faultNames.values()]
  const names = typeNames(types.types.values(), elements)
  const operations = answering.map((one): SoapOperation => {
    const { name, input, output, errors, operation } = one
    return {
      types: one,
      element: name,
      answer: `${name}Response`,
      input: inputOf(types, input, wireOf(operation.input, 'input').optional),
      output:
        output.kind === 'nothing' && !output.nullable
          ? undefined
          : { element: 'result', type: output, optional: wireOf(operation.output, 'output').optional },
      faults: errors.map(({ code, data }) => ({ code, element: faultNames.get(faultName(code))!, data })),
    }
  })
  const parts = new Map<NamedType, readonly Part[]>()
  const members = new Map<NamedType, readonly string[]>()
  return {
    ...{ contract, namespace, types, operations },
    typeName: (name) => names.get(name)!,
    partsOf: (type) => once(parts, type, () => partsOf(type.fields)),
    membersOf: (type) => once(members, type, () => elementsOf(type.members.map(({ name }) => camel(name)))),
  }
}

const faultName = (code: string): string => `${pascal(...code.toLowerCase().split('_'))}Fault`

/** A named object gives its fields to the operation's own element, unless all of it may be absent. */
function inputOf({ types }: TypeTable, input: TypeRef, optional: boolean): SoapOperation['input'] {
  if (input.kind === 'nothing' && !input.nullable) return undefined
  const named = input.kind === 'named' && !input.nullable && !optional ? types.get(input.name) : undefined
  if (named?.kind === 'object') return { fields: named }
  return { whole: { element: 'input', type: input, optional } }
}

function partsOf(fields: readonly NamedField[]): readonly Part[] {
  const names = elementsOf(fields.map(({ name }) => name))
  return fields.map((field, at) => ({
    ...{ element: names[at]!, type: field.type, field },
    optional: field.optional,
  }))
}

function elementsOf(words: readonly string[]): readonly string[] {
  const names = identifiersFor([...new Set(words)])
  const used = new Set<string>()
  return words.map((word) => {
    const name = names.get(word)!
    let own = name
    for (let n = 2; used.has(own); n++) own = `${name}_${n}`
    used.add(own)
    return own
  })
}

function refuseTwins(contract: AnyContract, operations: readonly OperationTypes[]): void {
  const names = new Set(operations.map(({ name }) => name))
  for (const { name } of operations)
    if (names.has(`${name}Response`))
      throw new TypeError(
        `Cannot serve "${contract.name}" as SOAP: the answer of "${name}" and the operation "${name}Response" would be one element; give the operation another name`,
      )
}

function refuseValues({ name: contract }: AnyContract, type: NamedType): void {
  if (type.kind !== 'enum') return
  const wrong = type.values.find((value) => !isXmlText(value) || value.includes('\r'))
  if (wrong === undefined) return
  throw new TypeError(
    `Cannot serve "${contract}" as SOAP: ${JSON.stringify(wrong)} of its type "${type.name}" has a character that XML has no word for; give it another value`,
  )
}

function once<Key, Value>(known: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = known.get(key)
  if (value === undefined) known.set(key, (value = make()))
  return value
}
