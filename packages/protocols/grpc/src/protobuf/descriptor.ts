/** Descriptors of files, for clients that ask what is served: google/protobuf/descriptor.proto as far as it is needed. */
import { createCodecs } from './codec.ts'
import { importsOf, jsonName } from './document.ts'
import type { ProtoEnum, ProtoField, ProtoMessage, ProtoType } from './messages.ts'
import type { ProtoPackage } from './package.ts'
import { messagesIn } from './table.ts'

const { File } = messagesIn({
  File: {
    ...{ name: [1, 'string'], package: [2, 'string'], dependency: [3, 'string', 'list'], messages: [4, 'Message', 'list'] },
    ...{ enums: [5, 'Enum', 'list'], services: [6, 'Service', 'list'], syntax: [12, 'string'] },
  },
  Message: {
    ...{ name: [1, 'string'], fields: [2, 'Field', 'list'], nested: [3, 'Message', 'list'], options: [7, 'MessageOptions'] },
    oneofs: [8, 'Oneof', 'list'],
  },
  MessageOptions: { mapEntry: [7, 'bool'] },
  Oneof: { name: [1, 'string'] },
  Field: {
    ...{ name: [1, 'string'], number: [3, 'int32'], label: [4, 'int32'], type: [5, 'int32'], typeName: [6, 'string'] },
    ...{ oneof: [9, 'int32', 'optional'], jsonName: [10, 'string'], optional: [17, 'bool'] },
  },
  Enum: { name: [1, 'string'], values: [2, 'EnumValue', 'list'] },
  EnumValue: { name: [1, 'string'], number: [2, 'int32', 'optional'] },
  Service: { name: [1, 'string'], methods: [2, 'Method', 'list'] },
  Method: {
    ...{ name: [1, 'string'], input: [2, 'string'], output: [3, 'string'] },
    ...{ clientStreams: [5, 'bool'], serverStreams: [6, 'bool'] },
  },
})

type Field = {
  readonly name: string
  readonly number: number
  /** 1: one. 3: many. */
  readonly label: 1 | 3
  readonly type: number
  readonly typeName: string
  readonly oneof?: number
  readonly jsonName: string
  readonly optional: boolean
}
type Message = {
  readonly name: string
  readonly fields: readonly Field[]
  readonly nested: readonly Message[]
  readonly options?: { readonly mapEntry: true }
  readonly oneofs: readonly { readonly name: string }[]
}
type Enum = { readonly name: string; readonly values: readonly { readonly name: string; readonly number: number }[] }
type Method = {
  readonly name: string
  readonly input: string
  readonly output: string
  readonly clientStreams: boolean
  readonly serverStreams: boolean
}
export type FileDescriptor = {
  readonly name: string
  readonly package: string
  readonly dependency: readonly string[]
  readonly messages: readonly Message[]
  readonly enums: readonly Enum[]
  readonly services: readonly { readonly name: string; readonly methods: readonly Method[] }[]
}

const codec = createCodecs()(File)
export const descriptorBytes = (file: FileDescriptor): Uint8Array => codec.encode({ ...file, syntax: 'proto3' })

const TYPES = { double: 1, int64: 3, int32: 5, bool: 8, string: 9, message: 11, bytes: 12, enum: 14 } as const

export function descriptorOf(one: ProtoPackage): FileDescriptor {
  const full = ({ imported, name }: ProtoMessage): string => (imported === undefined ? `.${one.name}.${name}` : `.${name}`)
  return {
    ...{ name: one.file, package: one.name, dependency: importsOf(one) },
    messages: one.messages.map((message) => messageOf(message, one.name, full)),
    enums: one.enums.map(enumOf),
    services: [
      {
        name: one.service,
        methods: one.methods.map(({ name, request, response, streams }) => ({
          ...{ name, input: full(request), output: full(response) },
          ...{ clientStreams: streams.request, serverStreams: streams.response },
        })),
      },
    ],
  }
}

const enumOf = ({ name, zero, values }: ProtoEnum): Enum => ({
  ...{ name, values: [{ name: zero, number: 0 }, ...values.map((value) => ({ name: value.name, number: value.number }))] },
})

type Full = (message: ProtoMessage) => string

function messageOf({ name, fields, form }: ProtoMessage, within: string, full: Full): Message {
  const typed = (type: ProtoType): Pick<Field, 'type' | 'typeName'> =>
    type.kind === 'scalar'
      ? { type: TYPES[type.scalar], typeName: '' }
      : type.kind === 'enum'
        ? { type: TYPES.enum, typeName: `.${within}.${type.enum.name}` }
        : { type: TYPES.message, typeName: full(type.message) }
  const nested: Message[] = []
  const oneofs: { readonly name: string }[] = form === 'union' ? [{ name: 'value' }] : []
  const fieldOf = (field: ProtoField): Field => {
    const base = {
      name: field.name,
      number: field.number,
      jsonName: form === 'union' ? jsonName(field.name) : field.key,
      optional: false,
    }
    if (form === 'union') return { ...base, ...typed(field.type), label: 1, oneof: 0 }
    if (field.mapKey !== undefined) {
      const entry = `${jsonName(`_${field.name}`)}Entry`
      const part = (key: string, number: number, type: ProtoType): Field => ({
        ...{ name: key, jsonName: key, number, label: 1, optional: false, ...typed(type) },
      })
      const parts = [part('key', 1, field.mapKey), part('value', 2, field.type)]
      nested.push({ name: entry, fields: parts, nested: [], oneofs: [], options: { mapEntry: true } })
      return { ...base, label: 3, type: TYPES.message, typeName: `.${within}.${name}.${entry}` }
    }
    if (field.holds !== 'one') return { ...base, ...typed(field.type), label: 3 }
    if (field.absent === 'default' || field.type.kind === 'message') return { ...base, ...typed(field.type), label: 1 }
    oneofs.push({ name: `_${field.name}` })
    return { ...base, ...typed(field.type), label: 1, oneof: oneofs.length - 1, optional: true }
  }
  return { name, fields: fields.map(fieldOf), nested, oneofs }
}

const simple = (name: string, number: number, type: keyof typeof TYPES, typeName: string = '', oneof?: number): Field => ({
  ...{ name, number, label: 1, type: TYPES[type], typeName, jsonName: jsonName(name), optional: false },
  ...(oneof === undefined ? {} : { oneof }),
})
const many = (field: Field): Field => ({ ...field, label: 3 })
const plain = (name: string, fields: readonly Field[], more: Partial<Message> = {}): Message => ({
  ...{ name, fields, nested: [], oneofs: [], ...more },
})
const file = (name: string, of: string, parts: Partial<FileDescriptor>): FileDescriptor => ({
  ...{ name, package: of, dependency: [], messages: [], enums: [], services: [], ...parts },
})

const P = '.google.protobuf.'
const H = '.grpc.health.v1.'
const MAP = { options: { mapEntry: true } } as const

/** Files that are always there. */
export const KNOWN_FILES: readonly FileDescriptor[] = [
  file('google/protobuf/empty.proto', 'google.protobuf', { messages: [plain('Empty', [])] }),
  file('google/protobuf/timestamp.proto', 'google.protobuf', {
    messages: [plain('Timestamp', [simple('seconds', 1, 'int64'), simple('nanos', 2, 'int32')])],
  }),
  file('google/protobuf/struct.proto', 'google.protobuf', {
    messages: [
      plain('Struct', [many(simple('fields', 1, 'message', `${P}Struct.FieldsEntry`))], {
        nested: [plain('FieldsEntry', [simple('key', 1, 'string'), simple('value', 2, 'message', `${P}Value`)], MAP)],
      }),
      plain(
        'Value',
        [
          simple('null_value', 1, 'enum', `${P}NullValue`, 0),
          simple('number_value', 2, 'double', '', 0),
          simple('string_value', 3, 'string', '', 0),
          simple('bool_value', 4, 'bool', '', 0),
          simple('struct_value', 5, 'message', `${P}Struct`, 0),
          simple('list_value', 6, 'message', `${P}ListValue`, 0),
        ],
        { oneofs: [{ name: 'kind' }] },
      ),
      plain('ListValue', [many(simple('values', 1, 'message', `${P}Value`))]),
    ],
    enums: [{ name: 'NullValue', values: [{ name: 'NULL_VALUE', number: 0 }] }],
  }),
  file('grpc/health/v1/health.proto', 'grpc.health.v1', {
    messages: [
      plain('HealthCheckRequest', [simple('service', 1, 'string')]),
      plain('HealthCheckResponse', [simple('status', 1, 'enum', `${H}ServingStatus`)]),
    ],
    enums: [
      {
        name: 'ServingStatus',
        values: ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'].map((name, number) => ({ name, number })),
      },
    ],
    services: [
      {
        name: 'Health',
        methods: ['Check', 'Watch'].map((name) => ({
          ...{ name, input: `${H}HealthCheckRequest`, output: `${H}HealthCheckResponse` },
          ...{ clientStreams: false, serverStreams: name === 'Watch' },
        })),
      },
    ],
  }),
]
