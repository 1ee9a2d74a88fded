/** Handlers that pass calls on to a service of others over gRPC: any door before them translates. */
import { Client, credentials, Metadata, status as GRPC, type CallOptions, type ServiceError } from '@grpc/grpc-js'
import { CallError, DeclaredError, STATUSES, type AnyContract, type ErrorTypes } from 'dure/contract'
import { parserOf } from 'dure/contract/internal'
import type { Handlers, ServiceContext } from 'dure/service'
import { createCodecs, type Codec } from './protobuf/codec.ts'
import { EMPTY } from './protobuf/messages.ts'
import { packageOf, type ProtoMethod, type ProtoNames } from './protobuf/package.ts'
import { readDetails, statusOf } from './status.ts'

export type GrpcHandlersOptions = {
  /** `127.0.0.1:9090`, `dns:///stock.example:443`. */
  readonly address: string
  /** Whether it speaks TLS, and who vouches for its certificate: PEM; default those that Node trusts. Default: no TLS. */
  readonly tls?: { readonly ca?: string }
  /** How the service is called there. */
  readonly names?: ProtoNames
  /** The largest answer, in bytes. Default 4 MiB. */
  readonly largest?: number
}

/**
 * Makes the handlers of a contract that somebody else serves over gRPC. Deadline, cancellation, correlation id, trace and
 * idempotency key go along; its failures come back as declared errors and canonical codes.
 * @throws {TypeError} when a field of the contract has no number
 *
 * @example
 * ```ts
 * import { grpcHandlers } from '@dure/grpc'
 * import { contract, query } from 'dure/contract'
 * import { service } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Stock = contract('stock', {
 *   version: '1.0.0',
 *   owner: 'team-stock',
 *   operations: { left: query({ input: z.object({ sku: z.string() }), output: z.object({ left: z.int32() }) }) },
 *   numbers: { StockLeftInput: { sku: 1 }, StockLeftOutput: { left: 1 } },
 * })
 * const stock = service(Stock, { handlers: grpcHandlers(Stock, { address: '127.0.0.1:9090' }) })
 * console.log(stock.contract.name) // → stock
 * ```
 */
export function grpcHandlers<C extends AnyContract>(contract: C, options: GrpcHandlersOptions): Handlers<C, {}, undefined> {
  const { address, tls, names, largest = 4 * 1024 * 1024 } = options
  const { methods, name } = packageOf(contract, names)
  const codecs = createCodecs()
  const secure =
    tls === undefined ? credentials.createInsecure() : credentials.createSsl(tls.ca === undefined ? null : Buffer.from(tls.ca))
  // Connects with the first call, and keeps no process alive.
  const client = new Client(address, secure, { 'grpc.max_receive_message_length': largest, 'grpc.enable_retries': 0 })
  const handlers = methods.map((method) => [method.operation.name, handlerOf(method, { client, domain: name, codecs })] as const)
  return Object.fromEntries(handlers) as unknown as Handlers<C, {}, undefined>
}

type World = { readonly client: Client; readonly domain: string; readonly codecs: ReturnType<typeof createCodecs> }

function handlerOf(method: ProtoMethod, { client, domain, codecs }: World): (...given: readonly never[]) => unknown {
  const { path, request, response, incoming, operation } = method
  const place = `${operation.contract.name}.${operation.name}`
  const [requests, responses] = [codecs(request), codecs(response)]
  const write = (value: unknown): Buffer => requests.encode(value)
  const read = (bytes: Buffer): unknown => {
    const value = responses.decode(bytes)
    return response === EMPTY ? undefined : value
  }
  const told = failureReader(place, method, { domain, codecs })

  const unary = (input: unknown, context: ServiceContext): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const call = client.makeUnaryRequest(path, write, read, input, metadataOf(context), optionsOf(context), (error, value) => {
        context.signal.removeEventListener('abort', cancel)
        if (error === null) resolve(value)
        else reject(told(error))
      })
      const cancel = (): void => call.cancel()
      context.signal.addEventListener('abort', cancel, { once: true })
    })

  async function* streamed(input: unknown, context: ServiceContext): AsyncGenerator<unknown> {
    const call = client.makeServerStreamRequest(path, write, read, input, metadataOf(context), optionsOf(context))
    yield* values(call, context)
  }

  async function* channel(input: unknown, sent: AsyncIterable<unknown>, context: ServiceContext): AsyncGenerator<unknown> {
    const call = client.makeBidiStreamRequest(path, write, read, metadataOf(context), optionsOf(context))
    const wrap = incoming === request ? (value: unknown): unknown => value : (value: unknown) => ({ value })
    const pump = async (): Promise<void> => {
      if (incoming !== request) call.write({ input })
      for await (const value of sent) {
        if (call.destroyed) return
        if (!call.write(wrap(value)))
          await new Promise<void>((resolve) => call.once('drain', resolve).once('close', () => resolve()))
      }
      call.end()
    }
    // Whoever sends has failed: the call is of no use any more.
    pump().catch(() => call.cancel())
    yield* values(call, context)
  }

  async function* values(
    call: ReturnType<Client['makeServerStreamRequest']> | ReturnType<Client['makeBidiStreamRequest']>,
    { signal }: ServiceContext,
  ) {
    const cancel = (): void => call.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      yield* call as AsyncIterable<unknown>
    } catch (error) {
      throw told(error as ServiceError)
    } finally {
      signal.removeEventListener('abort', cancel)
      call.cancel()
    }
  }

  const { kind } = operation.operation
  return (kind === 'stream' ? streamed : kind === 'channel' ? channel : unary) as (...given: readonly never[]) => unknown
}

function metadataOf({ correlationId, traceparent, tracestate, idempotencyKey }: ServiceContext): Metadata {
  const metadata = new Metadata()
  metadata.set('x-correlation-id', correlationId)
  if (traceparent !== undefined) metadata.set('traceparent', traceparent)
  if (tracestate !== undefined) metadata.set('tracestate', tracestate)
  if (idempotencyKey !== undefined) metadata.set('idempotency-key', idempotencyKey)
  return metadata
}

/** The wall clock is what the library counts by; what is left is told by the other. */
const optionsOf = ({ clock, deadline }: ServiceContext): CallOptions => ({
  deadline: clock.now() + Math.max(1, Math.ceil(deadline - clock.monotonic())),
})

/** What the caller is told of a failure: a declared error of the contract, or a canonical code. */
function failureReader(
  place: string,
  { errors, operation }: ProtoMethod,
  { domain, codecs }: Pick<World, 'domain' | 'codecs'>,
): (error: ServiceError) => Error {
  const types = Object.values(operation.operation.errors as ErrorTypes)
  const declared = new Map(
    types.map((type) => [
      type.code as string,
      { type, codec: codecs(errors.get(type.code)!), name: errors.get(type.code)!.name },
    ]),
  )
  return ({ code, details, metadata, message }) => {
    if (typeof code !== 'number') return new CallError('UNAVAILABLE', `Call to ${place} failed: ${message}`, { inside: true })
    const status = statusOf(code)
    const said = detailsIn(metadata)
    const known = said?.domain === domain ? declared.get(said.reason ?? '') : undefined
    if (known !== undefined) {
      const data = dataOf(known.codec, said?.others.get(`${domain}.${known.name}`))
      const parsed = parserOf(known.type.data, 'output')(data)
      if (!(parsed instanceof Promise) && parsed.ok)
        return new DeclaredError({
          code: known.type.code as string,
          status: known.type.status,
          message: details,
          data: parsed.value,
        })
      return new CallError('INTERNAL', `Call to ${place} failed with "${known.type.code}", whose data do not match its contract`)
    }
    if (code === GRPC.INTERNAL) return new CallError(status, `Call to ${place} failed inside the service; its log says why`)
    const issues = said?.issues
    const words = details === '' ? `Call to ${place} failed: ${STATUSES[status].meaning}` : details.slice(0, LONGEST_WORDS)
    return new CallError(status, words, issues === undefined ? {} : { details: { issues } })
  }
}

/** Characters of a failure's words, at most: as of any other failure. */
const LONGEST_WORDS = 8_000

function detailsIn(metadata: Metadata | undefined): ReturnType<typeof readDetails> | undefined {
  const [bytes] = metadata?.get('grpc-status-details-bin') ?? []
  try {
    return Buffer.isBuffer(bytes) ? readDetails(bytes) : undefined
  } catch {
    // Somebody's own, in a form of theirs.
    return undefined
  }
}

function dataOf(codec: Codec, bytes: Uint8Array | undefined): unknown {
  try {
    return bytes === undefined ? undefined : codec.decode(bytes)
  } catch {
    return undefined
  }
}
