/** The gRPC door: contracts as services of gRPC, and calls to services of others. */
import { serveHttp2, type Http2Connection, type Http2Receiver, type Http2Stream } from '@dure/http2'
import type { AnyContract } from 'dure/contract'
import { type DoorTls, hostOfEnvironment, openState, openTcp, servedOperations } from 'dure/door/internal'
import type { Door, DoorHost, OpenDoor, World } from 'dure/service'
import { Exchange, strangerOf } from './exchange.ts'
import { healthMethods } from './health.ts'
import { http1Server } from './http1.ts'
import type { Take } from './call.ts'
import { methodDoor } from './operation.ts'
import { createCodecs } from './protobuf/codec.ts'
import { packageOf, type ProtoNames, type ProtoPackage } from './protobuf/package.ts'
import { reflectionMethods } from './reflection.ts'
import { bySpeech } from './speaks.ts'
import { limitsOf, type GrpcLimits, type GrpcState } from './state.ts'
import { numberOf } from './status.ts'
import { answersPreflight, webCallOf } from './web.ts'

export { grpcHandlers, type GrpcHandlersOptions } from './handlers.ts'
export { protoDocument } from './protobuf/document.ts'
export type { ProtoNames } from './protobuf/package.ts'
export type { GrpcLimits } from './state.ts'

export type GrpcOptions = {
  /** Name in logs and lists. Default `grpc`. */
  readonly name?: string
  /** 0 takes any free port. Default 9090. */
  readonly port?: number
  /** Default `DURE_HOST`, else 127.0.0.1: this machine only. `0.0.0.0` is everybody. */
  readonly host?: string
  /** Default: none, HTTP/2 by prior knowledge. */
  readonly tls?: DoorTls
  /** Which contracts are served. Default: all of the system. */
  readonly contracts?: readonly AnyContract[]
  /** How contracts are called, by their names, where clients know a service by another: `{ stock: { package: 'acme.stock' } }`. */
  readonly names?: Readonly<Record<string, ProtoNames>>
  /** Pages of other hosts that may call by gRPC-Web, by their origin: `['https://shop.example']`. Default: none. */
  readonly origins?: readonly string[]
  readonly limits?: Partial<GrpcLimits>
  /** Whether clients may ask what is served. Default true: it says nothing that `dure docs --format proto` does not. */
  readonly reflection?: boolean
}

/**
 * Makes a door that serves contracts over gRPC: commands and queries as unary calls, streams and channels as streams; and over
 * gRPC-Web, which browsers speak, on the same port.
 * Opening it throws when the port is in use, and when a field of a contract has no number.
 *
 * @example
 * ```ts
 * import { grpc } from '@dure/grpc'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * const time = system('time', { services: [clock], doors: [grpc({ port: 0 })], security: 'off' })
 * console.log(time.doors[0]?.name) // → grpc
 * ```
 */
export function grpc(options: GrpcOptions = {}): Door {
  const limits = limitsOf(options.limits)
  const { name = 'grpc', host = hostOfEnvironment(), port = 9090 } = options
  return {
    name,
    open: (doorHost, world) => open(doorHost, world, { ...options, name, host, port }, limits),
    listens: () => ({ kind: 'tcp', host, port }),
  }
}

type Settings = GrpcOptions & { readonly name: string; readonly host: string; readonly port: number }

async function open(host: DoorHost, world: World, settings: Settings, limits: GrpcLimits): Promise<OpenDoor> {
  const { name, contracts = host.contracts, names = {}, reflection = true, tls, origins = [] } = settings
  const state: GrpcState = openState({ door: name, limits, world, host, underWay: new Set() })
  const stranger = Object.keys(names).find((name) => contracts.every((one) => one.name !== name))
  if (stranger !== undefined)
    throw new TypeError(
      `Cannot name "${stranger}" for gRPC: the door serves no contract called so; it serves ${contracts.map((one) => one.name).join(', ')}`,
    )
  const packages = contracts.map((one) => packageOf(one, names[one.name]))
  const methods = methodsOf(state, packages, reflection)
  const onError = (error: unknown): void => world.log.error('Cannot answer a call over gRPC', { error })
  const { runtime } = world
  const overHttp1 = http1Server(state, (stream) => take(stream, 'http1'))
  const door = await openTcp(state, {
    ...{ port: settings.port, host: settings.host, tls, handed: world.sockets?.get(name), connections: limits.connections },
    alpn: ['h2', 'http/1.1'],
    serve: (socket) =>
      bySpeech(socket, runtime, {
        http1: overHttp1,
        http2: (_, head) => {
          const onStream = (stream: Http2Stream): Http2Receiver => take(stream, 'http2')
          const connection = serveHttp2(socket, { runtime, onError, onStream, head, limits: { streams: limits.streams } })
          return { finish: () => void connection.goAway(), cut: () => cut(connection) }
        },
      }),
  })

  /** A client asks again after `UNAVAILABLE`, and not after what HTTP/2 makes of a connection that breaks off. */
  function cut(connection: Http2Connection): void {
    for (const call of state.underWay) call.stop()
    connection.destroy()
  }

  function take(stream: Http2Stream, over: 'http1' | 'http2'): Http2Receiver {
    if (answersPreflight(stream, origins)) return IGNORES
    const web = webCallOf(stream, origins)
    if (web !== undefined) return web.receive(answer(web.stream))
    if (over === 'http2' || strangerOf(stream) !== undefined) return answer(stream)
    // Its status would come in trailers.
    stream.respond([[':status', '426']], { end: true })
    return IGNORES
  }

  function answer(stream: Http2Stream): Http2Receiver {
    const stranger = strangerOf(stream)
    if (stranger !== undefined) {
      stream.respond([[':status', String(stranger)]], { end: true })
      return IGNORES
    }
    const path = stream.headers.get(':path')!
    const method = methods.get(path)
    if (method !== undefined) return method(stream)
    const text = `Nothing is served at "${path.slice(0, 200).replaceAll(/[^!-~]|%/g, '?')}"`
    new Exchange(stream).end([
      ['grpc-status', String(numberOf('UNIMPLEMENTED'))],
      ['grpc-message', text],
    ])
    return IGNORES
  }

  return { url: `${tls === undefined ? 'http' : 'https'}://${door.where}`, close: door.close }
}

const IGNORES: Http2Receiver = { data: () => {}, end: () => {}, aborted: () => {} }

/** What is served, by path. */
function methodsOf(state: GrpcState, packages: readonly ProtoPackage[], reflection: boolean): ReadonlyMap<string, Take> {
  const codecs = createCodecs()
  const methods = new Map<string, Take>()
  const services = new Map<string, string>()
  for (const one of packages) {
    services.set(`${one.name}.${one.service}`, one.contract.name)
    const served = new Map(servedOperations(state.host, [one.contract]).map((each) => [each.name, each]))
    for (const method of one.methods)
      methods.set(
        method.path,
        methodDoor(method, { served: served.get(method.operation.name)!, package: one.name, state, codecs }),
      )
  }
  return new Map([...methods, ...healthMethods(state, services), ...(reflection ? reflectionMethods(state, packages) : [])])
}
