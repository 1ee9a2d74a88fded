import type { Address } from '../../discovery/discovery.ts'
import type { CallError } from '../../contract/contract.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { aliveFor } from '../../runtime/internal.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { missingHere } from '../failure.ts'
import type { Route, Transport } from '../transport.ts'
import { acceptWith, isLive, textOf, type LiveTls, type ServerTls } from './address.ts'
import type { Accept } from './byte-stream.ts'
import type { Naming } from './identity.ts'
import { createConnectionLimiter } from './connection-limiter.ts'
import { FAREWELL, ServerConnection, type Listener } from './server-connection.ts'
import type { ServedRoute } from './names.ts'
import { withDefaults, type SocketLimits } from './limits.ts'
import { watchStalls } from './stall.ts'
import { lookEvery } from './watch.ts'

export type ListenSocketOptions = {
  /** Port 0 lets the system choose one. */
  readonly address: Address
  /** Where calls go: the local transport of this process. */
  readonly transport: Transport
  readonly runtime: Runtime
  readonly log: Logger
  readonly limits?: Partial<SocketLimits>
  readonly tls?: ServerTls | LiveTls | undefined
  /** How certificates of callers name them; then a caller is who its certificate says. Default: a caller is who it says. */
  readonly naming?: Naming | undefined
  /**
   * Whether callers are believed on whose behalf they call: what they say opens every scope. Default: on Unix sockets, which
   * this user alone can open, and with TLS that asks for certificates (`ca`). Others call on nobody's behalf.
   */
  readonly trusted?: boolean | undefined
  /** How connections are taken, in place of the system's sockets. */
  readonly accept?: Accept
}

export type SocketListener = {
  /** Where it listens. */
  readonly address: Address
  readonly status: () => ListenerStatus
  /**
   * Takes no new connections, asks callers to go elsewhere, and resolves when they have and no call is under way: what
   * was sent before they knew is served. A caller that does not hear is not waited for. Streams still open after `streams`
   * milliseconds (default 2,000) end as UNAVAILABLE: they may be without end, and nobody is served until they are over.
   */
  readonly drain: (options?: { readonly streams?: number }) => Promise<void>
  /** Ends what is under way as UNAVAILABLE and closes every connection. Idempotent. */
  readonly stop: () => Promise<void>
}

export type ListenerStatus = {
  /** Connections, those included that have not said who they are, and those. */
  readonly connections: number
  readonly strangers: number
  /** Calls under way. */
  readonly calls: number
  /** Bytes held for all of them: frames not whole, inputs of calls under way, answers not taken. */
  readonly held: number
}

/** Operations that callers may have asked for, however many connections they make; those of a process are far fewer. */
const MOST_ROUTES = 10_000
/** What operations begin with that are no user's. */
const OWN = 'dure.'
/** Milliseconds between two looks at all connections. */
const LOOK = 500
/** Milliseconds that strangers may be too many. */
const SHED = 20
const STREAMS = 2_000

/**
 * Serves the calls of other processes on a TCP port or a Unix socket.
 * @throws when the address cannot be listened on: the system's own error
 */
export async function listenSocket(options: ListenSocketOptions): Promise<SocketListener> {
  const { runtime, log, transport } = options
  const limits = withDefaults(options.limits)
  const connections = new Set<ServerConnection>()
  let draining: (() => void)[] = []
  let stopping: Promise<void> | undefined

  let deaf = false
  let endsStreams = false
  const busy = (): boolean => {
    for (const { size, left } of connections) if (size > 0 || (!left && !deaf)) return true
    return false
  }
  const checkDrained = (): void => {
    if (draining.length === 0 || busy()) return
    const waiting = draining
    draining = []
    for (const resolve of waiting) resolve()
  }
  const trusted = options.trusted ?? (options.address.kind === 'unix' || isMutual(options.tls))
  const stalls = watchStalls(runtime)
  const limiter = createConnectionLimiter(limits)
  const listener: Listener = {
    runtime,
    limits,
    trusted,
    naming: options.naming,
    limiter,
    age: stalls.age,
    route: createRoutes(transport),
    endsStreams: () => endsStreams,
    onIdle: checkDrained,
    onClose: (caller, reason) => {
      connections.delete(caller)
      limiter.remove(caller)
      log.debug('Connection closed', { reason })
      checkDrained()
    },
  }
  // Many may arrive in one turn of the event loop, and what they say can be read in the next one only.
  let shedding = false
  const shedSoon = (): void => {
    if (shedding) return
    shedding = true
    const shed = (): void => {
      shedding = false
      limiter.shed()
    }
    // When this is late, what is there to be read is read between the two.
    runtime.timers.after(SHED, () => runtime.timers.soon(shed))
  }
  const accept = options.accept ?? acceptWith(options.tls, limits, options.naming)
  const acceptor = await accept(options.address, {
    stream: (stream, identity) => {
      const caller = new ServerConnection(stream, listener, identity)
      if (caller.connection.closed) return
      connections.add(caller)
      if (limiter.add(caller)) shedSoon()
    },
    error: (error) => log.warn('Cannot take a connection', { error }),
  }).catch((error: unknown) => {
    stalls.stop()
    throw error
  })
  const { address } = acceptor

  const looking = lookEvery(LOOK, runtime, (now, late) => {
    for (const caller of connections) {
      const trouble = caller.trouble(now, late)
      if (trouble !== undefined) caller.close(trouble)
    }
  })

  const stop = async (): Promise<void> => {
    const closed = acceptor.close()
    for (const caller of connections) caller.cancelAll('stopping')
    // The failures that this makes are written in this turn.
    await new Promise<void>((resolve) => runtime.timers.soon(resolve))
    looking.stop()
    stalls.stop()
    const all = [...connections]
    for (const { connection } of all) connection.close('this side has stopped', { lastWords: true })
    const patience = runtime.timers.after(FAREWELL, () => all.forEach(({ connection }) => connection.destroy()), 'waited')
    await closed
    patience.cancel()
  }

  log.debug('Listening for calls', { address: textOf(address) })
  return {
    address,
    status: () => {
      let [strangers, calls] = [0, 0]
      for (const { greeted, size } of connections) {
        if (!greeted) strangers++
        calls += size
      }
      return { connections: connections.size, strangers, calls, held: limiter.held() }
    },
    drain: ({ streams = STREAMS } = {}) => {
      void acceptor.close()
      for (const caller of connections) caller.leave()
      const dropOut = (): void => {
        deaf = true
        checkDrained()
      }
      runtime.timers.after(FAREWELL, dropOut)
      runtime.timers.after(streams, () => {
        endsStreams = true
        for (const caller of connections) caller.endStreams()
      })
      return aliveFor(
        runtime.timers,
        () =>
          new Promise((resolve) => {
            draining.push(resolve)
            checkDrained()
          }),
      )
    },
    stop: () => (stopping ??= stop()),
  }
}

function isMutual(tls: ServerTls | LiveTls | undefined): boolean {
  return tls !== undefined && (isLive(tls) || tls.ca !== undefined)
}

/** Routes by name; strangers cannot make it remember more and more of them. */
function createRoutes(transport: Transport): (name: string) => ServedRoute {
  const known = new Map<string, ServedRoute>()
  return (name) => {
    let served = known.get(name)
    if (served !== undefined) return served
    const [service = '', operation = ''] = name.split('\n')
    const place = `${service}.${operation}`
    const own = operation.startsWith(OWN)
    // Strangers cannot fill it up for others with names of nothing.
    if (known.size >= MOST_ROUTES || transport.has?.({ service, operation }) === false)
      return {
        ...{ place, service, own },
        route: nowhere(() => missingHere({ service, operation }, transport.runs?.(service) === true)),
        missing: true,
      }
    served = { place, service, own, route: transport.route({ service, operation }) }
    known.set(name, served)
    return served
  }
}

function nowhere(missing: () => CallError): Route {
  return {
    call: () => Promise.reject(missing()),
    stream: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(missing()) }) }),
  }
}
