/** connect-web's client of gRPC-Web, with messages as protobuf-es reads them from what protoc makes of the drawn document. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

type Failure = Error & { readonly code: number; readonly findDetails: (type: unknown) => readonly { readonly left: number }[] }
type Options = { readonly timeoutMs?: number; readonly onHeader?: (headers: Headers) => void }
type Client = {
  readonly place: (input: { id: string; pieces: bigint }, options?: Options) => Promise<{ readonly value: string }>
  readonly fail: (input: { how: number }, options?: Options) => Promise<unknown>
  readonly watch: (input: { count: number }) => AsyncIterable<{ readonly n: number }>
}
type Registry = { readonly getService: (name: string) => unknown; readonly getMessage: (name: string) => unknown }
/** As far as they are used here. */
type Connect = {
  readonly createClient: (service: unknown, transport: unknown) => Client
  readonly createGrpcWebTransport: (options: { readonly baseUrl: string }) => unknown
  readonly createFileRegistry: (files: unknown) => Registry
  readonly fromBinary: (type: unknown, bytes: Uint8Array) => unknown
  readonly FileDescriptorSetSchema: unknown
}

/** In the order of the contract. */
const HOW = { soldOut: 1, slow: 3 }
const CODES = { INVALID_ARGUMENT: 3, DEADLINE_EXCEEDED: 4, FAILED_PRECONDITION: 9 }

export type WebCheck = (what: string, how: () => Promise<void>) => Promise<void>

/**
 * @param options.folder with its packages
 * @param options.descriptors a file: what protoc has made of the document of the test's shop, and all that it needs
 */
export async function webClientCalls(
  options: { readonly address: string; readonly folder: string; readonly descriptors: string },
  check: WebCheck,
): Promise<void> {
  const from = createRequire(join(options.folder, 'package.json'))
  const names = ['@connectrpc/connect', '@connectrpc/connect-web', '@bufbuild/protobuf', '@bufbuild/protobuf/wkt']
  const all = Object.assign({}, ...names.map((name) => from(name) as object)) as Connect
  const registry = all.createFileRegistry(all.fromBinary(all.FileDescriptorSetSchema, readFileSync(options.descriptors)))
  const transport = all.createGrpcWebTransport({ baseUrl: `http://${options.address}` })
  const client = all.createClient(registry.getService('orders.v1.OrdersService'), transport)
  const failure = (call: Promise<unknown>): Promise<Failure> =>
    call.then(
      () => assert.fail('It was answered'),
      (error: unknown) => error as Failure,
    )

  await check('a call is answered, and its headers have a correlation id', async () => {
    let headers = new Headers()
    const { value } = await client.place({ id: 'web', pieces: 3n }, { onHeader: (given) => void (headers = given) })
    assert.deepEqual([value, headers.has('x-correlation-id')], ['web × 3', true])
  })
  await check('a declared error has its status and its data', async () => {
    const soldOut = await failure(client.fail({ how: HOW.soldOut }))
    const [data] = soldOut.findDetails(registry.getMessage('orders.v1.SoldOutData'))
    assert.deepEqual([soldOut.code, data?.left], [CODES.FAILED_PRECONDITION, 2])
  })
  await check('a wrong input, and a deadline of 50 ms, are told as such', async () => {
    assert.equal((await failure(client.place({ id: 'web', pieces: 0n }))).code, CODES.INVALID_ARGUMENT)
    assert.equal((await failure(client.fail({ how: HOW.slow }, { timeoutMs: 50 }))).code, CODES.DEADLINE_EXCEEDED)
  })
  await check('a stream of 20000 comes whole and in order', async () => {
    let next = 0
    for await (const { n } of client.watch({ count: 20_000 })) assert.equal(n, next++)
    assert.equal(next, 20_000)
  })
}
