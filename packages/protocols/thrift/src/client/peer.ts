/** A service of others at one address, called over Thrift. */
import { connect, type Socket } from 'node:net'
import { connect as connectSecure, type ConnectionOptions as TlsOptions } from 'node:tls'
import { CallError, type AnyContract } from 'dure/contract'
import { cancelledError, NOT_BEGUN, type ConnectPeer, type Peer, type Route } from 'dure/call/internal'
import type { CallContext } from 'dure/call'
import type { Address } from 'dure/discovery'
import { requestHeaders } from 'dure/door/internal'
import { createDeadlines, type Runtime } from 'dure/runtime'
import { backoff } from 'dure/runtime/internal'
import { onewayOf } from '../idl.ts'
import { methodCodecs, type MethodCodec } from '../methods.ts'
import { modelOf } from '../model.ts'
import { BinaryWriter, CompactWriter, MESSAGE, Misfit } from '../wire/wire.ts'
import { Asked } from './asked.ts'
import { createConnection, type Connection } from './connection.ts'
import { clientLimits, type ThriftClientLimits } from './limits.ts'

/** Certificates, in PEM. */
export type ThriftTls = Pick<TlsOptions, 'ca' | 'cert' | 'key' | 'servername'>

export type ThriftPeersOptions = {
  readonly contracts: readonly AnyContract[]
  readonly runtime: Pick<Runtime, 'clock' | 'timers' | 'random'>
  /** Default `binary`. */
  readonly protocol?: 'binary' | 'compact' | undefined
  /** Whether methods are called by service and name, `Orders:place`. Default: where there are several contracts. */
  readonly multiplexed?: boolean | undefined
  /** Commands that are sent without waiting for an answer: `orders.forget`. */
  readonly oneway?: readonly string[] | undefined
  /** Whether calls have the second argument that our doors read. Default true: who does not know it leaves it out. */
  readonly headers?: boolean | undefined
  /** The header `authorization` of a call. */
  readonly authorization?: ((call: Pick<CallContext, 'principal' | 'metadata'>) => string | undefined) | undefined
  readonly tls?: ThriftTls | undefined
  readonly limits?: Partial<ThriftClientLimits> | undefined
}

/** Milliseconds before an address that could not be reached is tried again. */
const BACKOFF = { first: 50, max: 2_000 }

type CalledMethod = { readonly place: string; readonly name: string; readonly codec: MethodCodec; readonly type: number }

/** Peers over Thrift, each with connections that are kept. One timer wheel serves the deadlines of all of them. */
export function thriftPeers(options: ThriftPeersOptions): ConnectPeer {
  const { contracts, runtime, multiplexed = contracts.length > 1, oneway = [] } = options
  const model = modelOf(contracts)
  const codecs = methodCodecs(model)
  const oneways = onewayOf(model, oneway)
  const methods = new Map(
    model.services.flatMap(({ name: service, contract, methods }) =>
      methods.map((method): [string, CalledMethod] => {
        const place = `${contract.name}.${method.types.name}`
        const name = multiplexed ? `${service}:${method.name}` : method.name
        return [place, { place, name, codec: codecs.get(place)!, type: oneways.has(method) ? MESSAGE.oneway : MESSAGE.call }]
      }),
    ),
  )
  const limits = clientLimits(options.limits)
  const Writer = options.protocol === 'compact' ? CompactWriter : BinaryWriter
  const shared = { ...options, methods, limits, writer: new Writer(limits.message), deadlines: createDeadlines(runtime) }
  return (address) => createPeer(address, shared)
}

type Shared = Omit<ThriftPeersOptions, 'limits'> & {
  readonly methods: ReadonlyMap<string, CalledMethod>
  readonly limits: ThriftClientLimits
  readonly writer: BinaryWriter | CompactWriter
  readonly deadlines: ReturnType<typeof createDeadlines>
}

function createPeer(address: Address, shared: Shared): Peer {
  const { runtime, limits, methods, deadlines } = shared
  const { clock, timers, random } = runtime
  const where = address.kind === 'unix' ? address.path : `${address.host}:${address.port}`
  const connections = new Set<Connection>()
  const waiting = new Set<Asked>()
  let [stopped, failures, connected, sequence] = [false, 0, 0, 0]
  let down = { until: 0, why: '' }

  const unreached = (place: string, why: string): CallError =>
    new CallError('UNAVAILABLE', `Call to ${place} failed: no connection to ${where}: ${why}`, {
      details: NOT_BEGUN,
      inside: true,
    })

  const open = (): Connection => {
    const connection = createConnection({
      ...{ where, limits, timers, socket: socketTo(address, shared.tls) },
      ready: shared.tls === undefined ? 'connect' : 'secureConnect',
      onFree: next,
      onUp: () => {
        failures = 0
        connected++
      },
      onGone: (gone, { wasUp, why }) => {
        connections.delete(gone)
        if (wasUp) connected--
        else {
          failures++
          down = { until: clock.monotonic() + backoff(BACKOFF, failures, random), why }
          // Whoever waits for a connection would wait for this one.
          if (connections.size === 0) for (const asked of [...waiting]) asked.fail(unreached(asked.place, why))
        }
        next()
      },
    })
    connections.add(connection)
    return connection
  }

  /** One with the least to do, or another, as long as there may be more. */
  const free = (): Connection | undefined => {
    let best: Connection | undefined
    for (const one of connections) if (best === undefined || one.load() < best.load()) best = one
    if (best !== undefined && best.load() === 0) return best
    if (connections.size < limits.connections) return open()
    return best !== undefined && best.load() < limits.pipeline ? best : undefined
  }

  function next(): void {
    while (waiting.size > 0 && !stopped) {
      const connection = free()
      if (connection === undefined) return
      const [asked] = waiting
      waiting.delete(asked!)
      connection.send(asked!)
    }
  }

  const ask = (method: CalledMethod, input: unknown, call: CallContext): Promise<unknown> => {
    const { place, type } = method
    const now = clock.monotonic()
    if (call.deadline <= now) return Promise.reject(cancelledError(place, 'deadline'))
    if (stopped) return Promise.reject(unreached(place, 'this side has stopped'))
    if (now < down.until && connections.size === 0) return Promise.reject(unreached(place, down.why))
    let message: Buffer
    sequence = (sequence + 1) | 0
    try {
      message = messageOf(method, { input, call, left: call.deadline - now, sequence, shared })
    } catch (error) {
      return Promise.reject(error)
    }
    if (waiting.size >= limits.waiting)
      return Promise.reject(
        new CallError(
          'RESOURCE_EXHAUSTED',
          `Call to ${place} failed: ${limits.waiting} calls wait for a connection to ${where}`,
          {
            details: NOT_BEGUN,
            inside: true,
          },
        ),
      )
    const asked = new Asked({ place, codec: method.codec, sequence, message, oneway: type === MESSAGE.oneway, call, deadlines })
    asked.onEnd = () => void waiting.delete(asked)
    waiting.add(asked)
    asked.start()
    next()
    return asked.answer
  }

  return {
    address,
    route: ({ service, operation }) => {
      const place = `${service}.${operation}`
      const method = methods.get(place)
      return method === undefined
        ? unmapped(place)
        : { call: (input, call) => ask(method, input, call), stream: unmapped(place).stream }
    },
    state: () => {
      if (stopped || (connections.size === 0 && clock.monotonic() < down.until)) return 'down'
      if (connected > 0) return 'up'
      return connections.size > 0 ? 'connecting' : 'idle'
    },
    pending: () => [...connections].reduce((sum, one) => sum + one.load(), waiting.size),
    stop: async () => {
      stopped = true
      for (const asked of [...waiting]) asked.fail(unreached(asked.place, 'this side has stopped'))
      for (const one of connections) one.end()
    },
  }
}

type Call = {
  readonly input: unknown
  readonly call: CallContext
  readonly left: number
  readonly sequence: number
  readonly shared: Shared
}

/** Writes a call. @throws {CallError} for what cannot be said */
function messageOf({ place, name, codec, type }: CalledMethod, { input, call, left, sequence, shared }: Call): Buffer {
  const { writer, authorization, headers = true } = shared
  const allowed = authorization?.(call)
  const said = requestHeaders(call, left, allowed === undefined ? {} : { authorization: allowed })
  if (!said.ok) throw new CallError('INVALID_ARGUMENT', `Call to ${place} was refused: ${said.why}`)
  try {
    writer.frame()
    writer.message(name, type, sequence)
    codec.args.write(writer, { input, headers: headers ? new Map(Object.entries(said.headers)) : undefined })
    return writer.framed()
  } catch (error) {
    if (!(error instanceof Misfit)) throw error
    throw new CallError('INVALID_ARGUMENT', `Call to ${place} was refused: Thrift cannot carry its input: ${error.message}`)
  }
}

function socketTo(address: Address, tls: ThriftTls | undefined): Socket {
  const to = address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }
  return tls === undefined ? connect(to) : connectSecure({ ...to, ...tls })
}

function unmapped(place: string): Route {
  const refuse = (): Promise<never> =>
    Promise.reject(new CallError('UNIMPLEMENTED', `Call to ${place} failed: Thrift has calls alone, and no streams`))
  return { call: refuse, stream: () => ({ [Symbol.asyncIterator]: () => ({ next: refuse }) }) }
}
