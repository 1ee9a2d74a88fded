/** The Thrift door: commands and queries of contracts, for clients that Thrift's compiler makes. */
import type { AnyContract } from 'dure/contract'
import { type DoorTls, hostOfEnvironment, openState, openTcp, servedOperations } from 'dure/door/internal'
import type { Door, DoorHost, OpenDoor, World } from 'dure/service'
import { serveConnection } from './connection.ts'
import { onewayOf } from './idl.ts'
import { limitsOf, type ThriftLimits } from './limits.ts'
import { methodCodecs } from './methods.ts'
import { modelOf } from './model.ts'
import { messageServer, servedMethod, type Methods, type ServedMethod, type ThriftState } from './serve.ts'

export { thriftDocument, type ThriftDocumentOptions } from './idl.ts'
export { thriftHandlers, type ThriftHandlersOptions } from './client/handlers.ts'
export type { ThriftLimits } from './limits.ts'
export type { ThriftClientLimits } from './client/limits.ts'

export type ThriftOptions = {
  /** Name in logs and lists. Default `thrift`. */
  readonly name?: string
  /** 0 takes any free port. Default 9090. */
  readonly port?: number
  /** Default `DURE_HOST`, else 127.0.0.1: this machine only. `0.0.0.0` is everybody. */
  readonly host?: string
  /** Certificates: the door speaks TLS, and takes those of files anew when they change. Default: bare TCP. */
  readonly tls?: DoorTls
  /** Which contracts are served, all with numbers of their fields (`dure docs --format numbers`). Default: all of the system. */
  readonly contracts?: readonly AnyContract[]
  /** Commands that are drawn `oneway` (as in `thriftDocument`), by their places: nobody is answered. */
  readonly oneway?: readonly string[]
  readonly limits?: Partial<ThriftLimits>
}

/**
 * Makes a door that serves the commands and queries of contracts over framed TCP, in the binary and the compact protocol, whichever a
 * client begins with. Methods have their own names, and with several services those of multiplexed clients: `Orders:place`.
 *
 * @example
 * ```ts
 * import { thrift } from '@dure/thrift'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * const time = system('time', { services: [clock], doors: [thrift({ port: 0 })], security: 'off' })
 * console.log(time.doors[0]?.name) // → thrift
 * ```
 */
export function thrift(options: ThriftOptions = {}): Door {
  const limits = limitsOf(options.limits)
  const { name = 'thrift', host = hostOfEnvironment(), port = 9090 } = options
  return {
    name,
    open: (doorHost, world) => open(doorHost, world, { ...options, name, host, port }, limits),
    listens: () => ({ kind: 'tcp', host, port }),
  }
}

type Settings = ThriftOptions & { readonly name: string; readonly host: string; readonly port: number }

async function open(host: DoorHost, world: World, settings: Settings, limits: ThriftLimits): Promise<OpenDoor> {
  const { name, contracts = host.contracts, oneway = [] } = settings
  const state: ThriftState = openState({ door: name, limits, world, host })
  const serve = messageServer(methodsOf(contracts, oneway, state), state)
  const tcp = await openTcp(state, {
    ...settings,
    handed: world.sockets?.get(name),
    connections: limits.connections,
    serve: (socket) => serveConnection(socket, { state, serve }),
  })
  return { url: `thrift${settings.tls === undefined ? '' : 's'}://${tcp.where}`, close: tcp.close }
}

function methodsOf(contracts: readonly AnyContract[], oneway: readonly string[], state: ThriftState): Methods {
  const model = modelOf(contracts)
  const codecs = methodCodecs(model)
  const oneways = onewayOf(model, oneway)
  const served = new Map(servedOperations(state.host, contracts).map((one) => [`${one.contract.name}.${one.name}`, one]))
  const methods = new Map<string, ServedMethod | 'ambiguous'>()
  for (const { name, contract, methods: own } of model.services)
    for (const method of own) {
      const place = `${contract.name}.${method.types.name}`
      const one = servedMethod(served.get(place)!, { codec: codecs.get(place)!, oneway: oneways.has(method) }, state)
      methods.set(`${name}:${method.name}`, one)
      methods.set(method.name, methods.has(method.name) ? 'ambiguous' : one)
    }
  return methods
}
