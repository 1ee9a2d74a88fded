/** The IDL of contracts: what `dure docs --format thrift` writes. */
import type { AnyContract } from 'dure/contract'
import { modelOf } from './model.ts'
import type { Enum, Method, Model, Struct, ThriftField, ThriftType } from './types.ts'

export type ThriftDocumentOptions = {
  /** Of the code that Thrift's compiler writes, in every language: `shop`. Default: none. */
  readonly namespace?: string
  /** Commands that clients send without waiting for an answer, by their places (`orders.forget`): they can have none, and no declared errors. */
  readonly oneway?: readonly string[]
}

/**
 * The IDL of contracts, which Thrift's compiler makes clients from.
 *
 * @example
 * ```ts
 * import { thriftDocument } from '@dure/thrift'
 * import { contract, query } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { zone: query({ output: z.string() }) } })
 * console.log(thriftDocument([Clock]).includes('string zone(')) // → true
 * ```
 */
export function thriftDocument(contracts: readonly AnyContract[], options: ThriftDocumentOptions = {}): string {
  const model = modelOf(contracts)
  const oneway = onewayOf(model, options.oneway ?? [])
  const blocks = [
    ...(options.namespace === undefined ? [] : [`namespace * ${options.namespace}`]),
    ...Array.from(model.enums.values(), enumText),
    ...inOrder(model).map(structText),
    ...model.services.map(({ name, contract, methods }) =>
      block(`service ${name}`, contract.description, methods.map((method) => methodText(method, oneway)).join('\n')),
    ),
  ]
  return `${blocks.join('\n\n')}\n`
}

/** The methods that are drawn `oneway`. @throws {TypeError} for one that has something to answer */
export function onewayOf({ services }: Model, places: readonly string[]): ReadonlySet<Method> {
  const methods = new Map(
    services.flatMap(({ contract, methods }) => methods.map((one) => [`${contract.name}.${one.types.name}`, one])),
  )
  return new Set(
    places.map((place) => {
      const method = methods.get(place)
      if (method === undefined)
        throw new TypeError(
          `Cannot make "${place}" oneway: there is no such command; there are ${[...methods.keys()].join(', ')}`,
        )
      if (method.output !== undefined || method.errors.length > 0)
        throw new TypeError(`Cannot make "${place}" oneway: it has an answer or declared errors, which nobody would hear of`)
      return method
    }),
  )
}

function block(head: string, description: string | undefined, lines: string): string {
  return `${comment(description, '')}${head} {\n${lines}\n}`
}

function comment(text: string | undefined, indent: string): string {
  return text === undefined ? '' : `${indent}/** ${text.replaceAll('*/', '* /').replaceAll(/\s+/g, ' ')} */\n`
}

function enumText({ name, description, values }: Enum): string {
  return block(`enum ${name}`, description, values.map((one) => `  ${one.name} = ${one.number},`).join('\n'))
}

function structText({ kind, name, description, fields }: Struct): string {
  return block(`${kind} ${name}`, description, fields.map((field) => fieldText(field, kind === 'union')).join('\n'))
}

function fieldText({ number, name, type, required, description }: ThriftField, isMember: boolean): string {
  const need = isMember ? '' : required ? 'required ' : 'optional '
  return `${comment(description, '  ')}  ${number}: ${need}${typeText(type)} ${name},`
}

function methodText(method: Method, oneway: ReadonlySet<Method>): string {
  const { name, input, output, errors, types } = method
  const taken = [...(input === undefined ? [] : [`1: ${typeText(input.type)} input`]), '2: map<string, string> headers']
  const thrown = errors.map(({ field }) => `${field.number}: ${typeText(field.type)} ${field.name}`)
  const answer = oneway.has(method) ? 'oneway void' : output === undefined ? 'void' : typeText(output)
  return [
    comment(types.operation.description, '  '),
    `  ${answer} ${name}(${taken.join(', ')})`,
    thrown.length === 0 ? ',' : ` throws (${thrown.join(', ')}),`,
  ].join('')
}

const WORDS = {
  ...{ string: 'string', boolean: 'bool', int32: 'i32', int64: 'i64', double: 'double' },
  ...{ date: 'i64', bigint: 'string', bytes: 'binary', json: 'string' },
} as const

function typeText(type: ThriftType): string {
  switch (type.kind) {
    case 'scalar':
      return WORDS[type.of]
    case 'list':
    case 'set':
      return `${type.kind}<${typeText(type.items)}>`
    case 'map':
      return `map<${typeText(type.key)}, ${typeText(type.value)}>`
    default:
      return type.name
  }
}

/** Structs after those that they need, as far as they do not need each other. */
function inOrder({ structs }: Model): Struct[] {
  const found = new Set<Struct>()
  const visit = (struct: Struct, above: readonly Struct[]): void => {
    if (found.has(struct) || above.includes(struct)) return
    for (const { type } of struct.fields) for (const name of namesIn(type)) visit(structs.get(name)!, [...above, struct])
    found.add(struct)
  }
  for (const struct of structs.values()) visit(struct, [])
  return [...found]
}

function namesIn(type: ThriftType): readonly string[] {
  switch (type.kind) {
    case 'struct':
      return [type.name]
    case 'list':
    case 'set':
      return namesIn(type.items)
    case 'map':
      return [...namesIn(type.key), ...namesIn(type.value)]
    default:
      return []
  }
}
