/** grpc-js, with messages as protobufjs reads them from our document: nothing of ours is on this side. */
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import type { AnyContract } from 'dure/contract'
import protobufjs from 'protobufjs'
import { protoDocument } from './protobuf/document.ts'

// oxlint-disable-next-line typescript/no-explicit-any
type Json = any
export type Caller = {
  readonly client: Client
  readonly unary: (
    method: string,
    input: object,
    options?: { readonly metadata?: Record<string, string>; readonly deadline?: number },
  ) => Promise<Json>
  readonly types: (method: string) => {
    readonly path: string
    readonly request: protobufjs.Type
    readonly response: protobufjs.Type
  }
  readonly root: protobufjs.Root
}

export function theirClient(address: string, contract: AnyContract): Caller {
  const root = new protobufjs.Root()
  for (const file of ['struct', 'timestamp', 'empty'])
    root.addJSON(protobufjs.common.get(`google/protobuf/${file}.proto`)!.nested!)
  protobufjs.parse(protoDocument(contract).text, root, { keepCase: true })
  root.resolveAll()
  const client = new Client(address, credentials.createInsecure())
  const name = `${contract.name}.v1`
  const service = root.lookupService(`${name}.${contract.name[0]!.toUpperCase()}${contract.name.slice(1)}Service`)
  const types: Caller['types'] = (method) => {
    const { requestType, responseType } = service.methods[method]!
    const type = (text: string): protobufjs.Type => service.lookupType(text)
    return { path: `/${name}.${service.name}/${method}`, request: type(requestType), response: type(responseType) }
  }
  return {
    ...{ client, root, types },
    unary: (method, input, { metadata = {}, deadline } = {}) => {
      const { path, request, response } = types(method)
      const headers = new Metadata()
      for (const [key, value] of Object.entries(metadata)) headers.set(key, value)
      return new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          path,
          (value: object) => Buffer.from(request.encode(request.fromObject(value)).finish()),
          (bytes) => response.toObject(response.decode(bytes), { longs: Number, enums: String, defaults: true }),
          input,
          headers,
          deadline === undefined ? {} : { deadline: Date.now() + deadline },
          (error: ServiceError | null, value?: unknown) => (error === null ? resolve(value) : reject(error)),
        )
      })
    },
  }
}
