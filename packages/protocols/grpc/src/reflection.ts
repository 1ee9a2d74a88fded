/** What is served, for clients without our documents: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md */
import { ownMethod } from './own-method.ts'
import type { Take } from './call.ts'
import { PREFIX } from './framing.ts'
import { createCodecs } from './protobuf/codec.ts'
import { descriptorBytes, descriptorOf, KNOWN_FILES, type FileDescriptor } from './protobuf/descriptor.ts'
import type { ProtoPackage } from './protobuf/package.ts'
import { messagesIn } from './protobuf/table.ts'
import type { GrpcState } from './state.ts'
import { numberOf } from './status.ts'

const { Request, Response } = messagesIn({
  Request: {
    ...{ host: [1, 'string'], fileByFilename: [3, 'string', 'optional'], fileContainingSymbol: [4, 'string', 'optional'] },
    ...{ fileContainingExtension: [5, 'Extension'], allExtensionNumbersOfType: [6, 'string', 'optional'] },
    listServices: [7, 'string', 'optional'],
  },
  Extension: { containingType: [1, 'string'], extensionNumber: [2, 'int32'] },
  Response: {
    ...{ validHost: [1, 'string'], originalRequest: [2, 'Request'], files: [4, 'Files'] },
    ...{ extensions: [5, 'Extensions'], services: [6, 'Services'], error: [7, 'Failed'] },
  },
  Files: { fileDescriptorProto: [1, 'bytes', 'list'] },
  Extensions: { baseTypeName: [1, 'string'], extensionNumber: [2, 'int32', 'list'] },
  Services: { service: [1, 'Service', 'list'] },
  Service: { name: [1, 'string'] },
  Failed: { errorCode: [1, 'int32'], errorMessage: [2, 'string'] },
})

type Asked = {
  readonly host: string
  readonly fileByFilename?: string
  readonly fileContainingSymbol?: string
  readonly allExtensionNumbersOfType?: string
  readonly listServices?: string
}

/** Both versions of it, which differ in their names only: older programs know the first alone. */
export function reflectionMethods(state: GrpcState, packages: readonly ProtoPackage[]): ReadonlyMap<string, Take> {
  const codecs = createCodecs()
  const [input, output] = [codecs(Request), codecs(Response)]
  const answer = answers(packages)
  const take = ownMethod(state, {
    streams: true,
    message: (bytes, { send }) => {
      const asked = input.decode(bytes) as Asked
      send(output.encode({ validHost: asked.host, originalRequest: asked, ...answer(asked) }, PREFIX))
    },
    done: ({ end }) => end(),
  })
  return new Map(['v1', 'v1alpha'].map((version) => [`/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`, take]))
}

function answers(packages: readonly ProtoPackage[]): (asked: Asked) => object {
  const files = new Map([...packages.map(descriptorOf), ...KNOWN_FILES].map((one) => [one.name, one]))
  const symbols = new Map([...files.values()].flatMap((one) => symbolsOf(one).map((name) => [name, one] as const)))
  const services = [...files.values()].flatMap((one) => one.services.map(({ name }) => ({ name: `${one.package}.${name}` })))
  const bytes = new Map<string, Uint8Array>()
  const bytesOf = (one: FileDescriptor): Uint8Array => {
    let known = bytes.get(one.name)
    if (known === undefined) bytes.set(one.name, (known = descriptorBytes(one)))
    return known
  }
  /** A file, and those that it needs. */
  const withImports = (one: FileDescriptor): readonly Uint8Array[] => [
    ...[bytesOf(one), ...one.dependency.flatMap((name) => files.get(name) ?? []).map(bytesOf)],
  ]
  const found = (one: FileDescriptor | undefined): object =>
    one === undefined ? notFound('There is no such file or symbol') : { files: { fileDescriptorProto: withImports(one) } }
  return ({ fileByFilename, fileContainingSymbol, listServices, allExtensionNumbersOfType }) => {
    if (listServices !== undefined) return { services: { service: services } }
    if (fileByFilename !== undefined) return found(files.get(fileByFilename))
    if (fileContainingSymbol !== undefined) return found(symbols.get(fileContainingSymbol))
    if (allExtensionNumbersOfType !== undefined && symbols.has(allExtensionNumbersOfType))
      return { extensions: { baseTypeName: allExtensionNumbersOfType, extensionNumber: [] } }
    return notFound('There are no extensions')
  }
}

const notFound = (errorMessage: string): object => ({ error: { errorCode: numberOf('NOT_FOUND'), errorMessage } })

function symbolsOf({ package: of, messages, enums, services }: FileDescriptor): readonly string[] {
  return [
    ...[...messages, ...enums].map(({ name }) => `${of}.${name}`),
    ...services.flatMap(({ name, methods }) => [`${of}.${name}`, ...methods.map((method) => `${of}.${name}.${method.name}`)]),
  ]
}
