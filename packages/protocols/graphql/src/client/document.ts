/** The document that asks for one operation of a contract, with all that it answers. */
import type { NamedType, OperationTypes, TypeRef, TypeTable } from 'dure/contract/internal'
import { identifiersFor } from 'dure/contract/internal'
import { parse, validate, type GraphQLObjectType, type GraphQLSchema } from 'graphql'
import { aliasOf, writerOf } from './values.ts'

export type Asked = {
  readonly text: string
  /** What stands in `data`. */
  readonly field: string
  readonly variables: (input: unknown) => Readonly<Record<string, unknown>>
}

/** @throws {TypeError} when the schema has no such operation, or another one than the contract says */
export function documentOf(
  one: OperationTypes,
  { schema, table, field }: { readonly schema: GraphQLSchema; readonly table: TypeTable; readonly field: string },
): Asked {
  const place = `${one.contract.name}.${one.name}`
  const isQuery = one.operation.kind === 'query'
  const no = (why: string): never => {
    throw new TypeError(`Cannot call ${place} over GraphQL: ${why}`)
  }
  const root: GraphQLObjectType | undefined | null = isQuery ? schema.getQueryType() : schema.getMutationType()
  const given = root?.getFields()[field]
  if (given === undefined)
    return no(`the schema has no ${isQuery ? 'query' : 'mutation'} "${field}"; say which one it is in "fields"`)

  const own = argumentsOf(one.input, table)
  const names = own.names.map((name) => {
    const argument = given.args.find((each) => each.name === name)
    return [name, String(argument?.type ?? no(`"${field}" has no argument "${name}"`))] as const
  })
  const declared = names.length === 0 ? '' : `(${names.map(([name, type]) => `$${name}: ${type}`).join(', ')})`
  const passed = names.length === 0 ? '' : `(${names.map(([name]) => `${name}: $${name}`).join(', ')})`
  const selected = one.output.kind === 'nothing' ? '' : selection(one.output, table, no)
  const text = `${isQuery ? 'query' : 'mutation'}${declared} { ${field}${passed}${selected} }`
  const [wrong] = validate(schema, parse(text))
  return wrong === undefined ? { text, field, variables: own.write } : no(`its schema says otherwise: ${wrong.message}`)
}

/** The fields of an input, or all of it as `input`: as the door has it. */
function argumentsOf(ref: TypeRef, table: TypeTable): { readonly names: readonly string[]; readonly write: Asked['variables'] } {
  if (ref.kind === 'nothing') return { names: [], write: () => ({}) }
  const way = writerOf(table)(ref)
  const type = ref.kind === 'named' && !ref.nullable ? table.types.get(ref.name) : undefined
  if (type?.kind !== 'object') return { names: ['input'], write: (input) => ({ input: way(input) }) }
  const names = identifiersFor(type.fields.map(({ name }) => name))
  return { names: [...names.values()], write: (input) => way(input) as Readonly<Record<string, unknown>> }
}

/** ` { id lines { … } }`; '' for what has no parts. */
function selection(ref: TypeRef, { types }: TypeTable, no: (why: string) => never, above: readonly string[] = []): string {
  const inside = (more: TypeRef, within = above): string => selection(more, { types } as TypeTable, no, within)
  switch (ref.kind) {
    case 'list':
    case 'set':
      return inside(ref.items)
    case 'map':
      return ` { key${inside(ref.key)} value${inside(ref.value)} }`
    case 'record':
      return ` { key value${inside(ref.value)} }`
    case 'named': {
      if (above.includes(ref.name))
        no(
          `"${ref.name}" contains itself, and GraphQL answers to a depth that is written down; leave the operation out of the contract`,
        )
      return ` { ${partsOf(types.get(ref.name)!)} }`.replace(' {  }', '')
    }
    default:
      return ''
  }

  function partsOf(type: NamedType): string {
    const within = [...above, type.name]
    if (type.kind === 'enum') return ''
    if (type.kind !== 'union') return fieldsOf(type, within, (name) => name)
    const members = type.members.map((member, at) => {
      const own = member.type.kind === 'named' ? types.get(member.type.name) : undefined
      if (own === undefined || own.kind === 'enum' || own.kind === 'union')
        return `... on ${type.name}${member.name} { ${aliasOf(at, 'value')}: value${inside(member.type, within)} }`
      return `... on ${own.name} { ${fieldsOf(own, [...within, own.name], (name) => `${aliasOf(at, name)}: ${name}`)} }`
    })
    return ['__typename', ...members].join(' ')
  }

  function fieldsOf(
    { fields }: NamedType & { readonly kind: 'object' | 'tuple' },
    within: readonly string[],
    asked: (name: string) => string,
  ): string {
    const names = identifiersFor(fields.map(({ name }) => name))
    return fields.map(({ name, type }) => asked(names.get(name)!) + inside(type, within)).join(' ')
  }
}
