/** An operation as a method of gRPC: everything that can be known before a call is compiled when the door opens. */
import { CallError } from 'dure/contract'
import { operationDoor, type Served } from 'dure/door/internal'
import { takeCall, type Take } from './call.ts'
import type { Codecs } from './protobuf/codec.ts'
import { EMPTY } from './protobuf/messages.ts'
import type { ProtoMethod } from './protobuf/package.ts'
import { MalformedMessage } from './protobuf/reader.ts'
import type { GrpcState } from './state.ts'

export function methodDoor(
  method: ProtoMethod,
  options: { readonly served: Served; readonly package: string; readonly state: GrpcState; readonly codecs: Codecs },
): Take {
  const { served, state, codecs, package: domain } = options
  const { path, request, incoming } = method
  const { decode } = codecs(request)
  const errors = Array.from(method.errors, ([code, message]) => {
    const name = message.imported === undefined ? `${domain}.${message.name}` : message.name
    return [code, { name, codec: codecs(message) }] as const
  })
  const [, service, name] = path.split('/')
  return takeCall({
    ...{ state, domain, data: new Map(errors), name: path.slice(1), response: codecs(method.response) },
    door: operationDoor(served, state, `gRPC ${path}`),
    attributes: { 'rpc.system': 'grpc', 'rpc.service': service!, 'rpc.method': name! },
    sends: incoming === undefined ? 'one' : incoming === request ? 'values' : 'input and values',
    decode: (bytes) => {
      try {
        const value = decode(bytes)
        return request === EMPTY ? undefined : value
      } catch (error) {
        if (!(error instanceof MalformedMessage)) throw error
        throw new CallError('INVALID_ARGUMENT', `Cannot read the request as "${request.name}": ${error.message}`)
      }
    },
  })
}
