/** A contract as a package of protobuf: its service, its messages, and what of it is no longer used. */
import type { AnyContract, AnySchema } from 'dure/contract'
import { memberFinder, numbersOf, pascal, retiredOf, typesOf, wireOf, type OperationTypes } from 'dure/contract/internal'
import { messagesOf, type ProtoEnum, type ProtoMessage } from './messages.ts'
import { snake } from './names.ts'

export type ProtoMethod = {
  /** Of the contract. */
  readonly operation: OperationTypes
  /** `PlaceOrder` */
  readonly name: string
  /** `/orders.v1.OrdersService/PlaceOrder` */
  readonly path: string
  readonly input: ProtoMessage
  /** Of a channel: what its caller sends, behind `input` where that is not nothing. */
  readonly incoming: ProtoMessage | undefined
  /** What the request consists of: `input`, or of a channel messages of which the first holds `input`. */
  readonly request: ProtoMessage
  readonly response: ProtoMessage
  /** By code: what a declared error has. */
  readonly errors: ReadonlyMap<string, ProtoMessage>
  readonly streams: { readonly request: boolean; readonly response: boolean }
}

export type ProtoPackage = {
  readonly contract: AnyContract
  /** `orders.v1` */
  readonly name: string
  /** `orders/v1/orders.proto` */
  readonly file: string
  /** `OrdersService` */
  readonly service: string
  readonly methods: readonly ProtoMethod[]
  readonly messages: readonly ProtoMessage[]
  readonly enums: readonly ProtoEnum[]
  /** Names, and their numbers, that a message or enumeration had, and nothing may have again. */
  readonly retired: (type: string) => readonly (readonly [name: string, number: number])[]
}

/** How a contract is called elsewhere, where a service of others is called. */
export type ProtoNames = {
  /** Default: the name and the major version, `orders.v1`. */
  readonly package?: string
  /** Default: the name, `OrdersService`. */
  readonly service?: string
  /** By operation. Default: its name, `Place`. */
  readonly methods?: Readonly<Record<string, string>>
}

/** @throws {TypeError} when something in it has no number, with what to do */
export function packageOf(contract: AnyContract, names: ProtoNames = {}): ProtoPackage {
  const table = typesOf([contract])
  const memberOf = memberFinder(table)
  const all = messagesOf({ types: table.types, numberOf: numbersOf(contract, table), memberOf })
  const word = snake(contract.name)
  const { package: name = `${word}.v${contract.version.split('.')[0]!}`, service = `${pascal(contract.name)}Service` } = names

  const methods = table.operations.map((types): ProtoMethod => {
    const { operation } = types
    const method = names.methods?.[types.name] ?? pascal(types.name)
    const base = pascal(contract.name, types.name)
    const root = (ref: OperationTypes['input'], schema: AnySchema | undefined, side: 'input' | 'output', hint: string) =>
      all.root(ref, { hint: base + hint, optional: schema !== undefined && wireOf(schema, side).optional })
    const input = root(types.input, operation.input as AnySchema | undefined, 'input', 'Request')
    const isChannel = operation.kind === 'channel'
    const incoming = isChannel ? root(types.incoming, operation.incoming as AnySchema, 'input', 'Sent') : undefined
    const request =
      incoming === undefined
        ? input
        : operation.input === undefined
          ? incoming
          : all.choice(`${base}Request`, [
              { key: 'input', type: input },
              { key: 'value', type: incoming },
            ])
    const errors = types.errors.map(({ code, data }) => {
      const declared = Object.values(operation.errors as Readonly<Record<string, { code: string; data: AnySchema | undefined }>>)
      const schema = declared.find((one) => one.code === code)?.data
      return [code, root(data, schema, 'output', `${pascal(code.toLowerCase())}Data`)] as const
    })
    return {
      ...{ operation: types, name: method, path: `/${name}.${service}/${method}`, input, incoming, request },
      response: root(types.output, operation.output as AnySchema | undefined, 'output', 'Response'),
      errors: new Map(errors),
      streams: { request: isChannel, response: isChannel || operation.kind === 'stream' },
    }
  })
  return {
    ...{ contract, name, service, methods, file: `${name.replaceAll('.', '/')}/${word}.proto` },
    ...{ messages: all.messages, enums: all.enums },
    retired: (type) => retiredOf(contract, table, type),
  }
}
