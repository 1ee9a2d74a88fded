import { CallError } from '../../contract/contract.ts'
import type { Address } from '../../discovery/discovery.ts'
import { createDeadlines, type Deadlines, type Runtime, type Timer } from '../../runtime/runtime.ts'
import { backoff, completeNumbers, WAIT, type BackoffPolicy } from '../../runtime/internal.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { NOT_BEGUN } from '../failure.ts'
import type { ConnectPeer, Peer } from '../peer.ts'
import { promised, type Route, type StartCall, type Target } from '../transport.ts'
import { dialWith, isLive, textOf, type ClientTls, type LiveTls } from './address.ts'
import type { Dial } from './byte-stream.ts'
import { namesText, type Naming } from './identity.ts'
import { Connection } from './connection.ts'
import { hello, readHello } from './hello.ts'
import { withDefaults, type SocketLimits } from './limits.ts'
import { ClientConnection, type Destination } from './client-connection.ts'
import * as wire from './protocol.ts'
import { SentCall } from './sent-call.ts'
import { sentStream } from './sent-stream.ts'
import { createRetired, createStrange } from './turnover.ts'
import { startHeartbeat } from './watch.ts'
import { writeWord } from './writing.ts'

export type SocketPeersOptions = {
  readonly runtime: Runtime
  readonly log: Logger
  /** Certificates; without them nothing is encrypted. */
  readonly tls?: ClientTls | LiveTls | undefined
  /** How the certificate of the other side names the services that it may answer for. Default: its host's name is looked at. */
  readonly naming?: Naming | undefined
  /** How to connect, in place of the system's sockets. */
  readonly dial?: Dial
  readonly limits?: Partial<SocketLimits>
  /** How long to wait before connecting again, in milliseconds: at random up to a bound that doubles. Default 50 to 2,000. */
  readonly backoff?: Partial<Pick<BackoffPolicy, 'first' | 'max'>>
}

type Settings = {
  readonly runtime: Runtime
  readonly log: Logger
  readonly dial: Dial
  readonly limits: SocketLimits
  readonly backoff: BackoffPolicy
  readonly deadlines: Deadlines
}

/** Peers over TCP and Unix sockets, with or without TLS. One timer wheel serves the deadlines of all of them. */
export function socketPeers(options: SocketPeersOptions): ConnectPeer {
  const { runtime, log } = options
  const settings: Settings = {
    runtime,
    log,
    dial: options.dial ?? dialWith(options.tls, options.naming),
    limits: withDefaults(options.limits),
    backoff: completeNumbers('connect again with this backoff', { first: 50, max: 2_000 }, options.backoff ?? {}, {
      first: WAIT,
      max: WAIT,
    }),
    deadlines: createDeadlines({ clock: runtime.clock, timers: runtime.timers }),
  }
  const { tls } = options
  return (address) => {
    const { peer, renew } = createPeer(address, settings)
    const following = isLive(tls) ? tls.changed(renew) : undefined
    return {
      ...peer,
      stop: () => {
        following?.stop()
        return peer.stop()
      },
    }
  }
}

/** `renew`: calls from now on use another connection, and those under way go on. */
function createPeer(address: Address, settings: Settings): { readonly peer: Peer; readonly renew: () => void } {
  const { runtime, log } = settings
  const where = textOf(address)
  let state: ReturnType<Peer['state']> = 'idle'
  let stopped = false
  /** Failed attempts in a row. */
  let failures = 0
  let current: ClientConnection | undefined
  let lastReason = 'it has not been tried'
  let again: Timer | undefined
  /** Its certificate was replaced while it connected. */
  let stale = false
  const strange = createStrange(runtime)
  const retired = createRetired(runtime)
  // One way to an operation, however often it is asked for: it has one name on the wire.
  const routes = new Map<string, Route>()

  const unreached = (place: string, why: string): CallError =>
    new CallError('UNAVAILABLE', `Call to ${place} failed: no connection to ${where}: ${why}`, {
      details: NOT_BEGUN,
      inside: true,
    })

  const connect = (): ClientConnection => {
    state = 'connecting'
    stale = false
    current = openOutgoing(address, settings, {
      up: () => {
        failures = 0
        state = 'up'
        if (stale) runtime.timers.soon(renew)
      },
      leaving: (outgoing, reason) => {
        if (outgoing !== current) return
        state = 'down'
        lastReason = reason
      },
      closed: (outgoing, end) => {
        if (outgoing !== current) return outgoing.failAll(failureOf(end))
        strange.add(end.strange)
        if (end.strange.length > 0 && !stopped) {
          outgoing.failAll(failureOf(end))
          return rest(end.reason)
        }
        if (end.evicted && outgoing.pending.size === 0 && !stopped) return rest(end.reason)
        lost(outgoing, end)
      },
    })
    return current
  }

  const renew = (): void => {
    stale = state === 'connecting'
    if (state !== 'up' || current === undefined) return
    const before = current
    rest('its certificate was replaced')
    retired.add(before)
  }

  /** Who has no calls for now gives its place to others, and connects again when it has one. */
  const rest = (reason: string): void => {
    current = undefined
    state = 'idle'
    lastReason = reason
  }

  const failureOf =
    ({ greeted, reason }: ConnectionEnd) =>
    (place: string): CallError =>
      greeted
        ? new CallError('UNAVAILABLE', `Call to ${place} failed: the connection to ${where} was lost: ${reason}`, {
            inside: true,
          })
        : unreached(place, reason)

  const lost = (outgoing: ClientConnection, end: ConnectionEnd): void => {
    const { greeted, leaving, reason } = end
    current = undefined
    state = 'down'
    lastReason = reason
    outgoing.failAll(failureOf(end))
    if (stopped) return
    if (greeted && !leaving) log.warn('Connection lost', { address: where, reason })
    else log.debug('No connection', { address: where, reason })
    failures++
    again = runtime.timers.after(backoff(settings.backoff, failures, runtime.random), () => {
      if (!stopped && current === undefined) connect()
    })
  }

  const reach = (place: string, service: string): ClientConnection | CallError => {
    if (strange.lately(service)) return unreached(place, `its certificate is not of "${service}"`)
    // It may have taken in the service, and so have another certificate than it had when it was first asked.
    if (state === 'up' && !current!.serves(service)) renew()
    if (state === 'up' || state === 'connecting') return current!
    if (state === 'idle' && !stopped) return connect()
    const why = stopped ? 'this side has stopped' : lastReason
    return unreached(place, why)
  }

  const peer: Peer = {
    address,
    route: (target) => {
      const key = `${target.service}.${target.operation}`
      let route = routes.get(key)
      if (route === undefined) {
        route = routeTo(target, reach, settings)
        routes.set(key, route)
      }
      return route
    },
    state: () => state,
    pending: () => current?.pending.size ?? 0,
    stop: async () => {
      stopped = true
      again?.cancel()
      retired.stop()
      current?.connection.close('this side has stopped')
      state = 'down'
    },
  }
  return { peer, renew }
}

/** How a connection ended. */
type ConnectionEnd = {
  /** The other side had said who it is. */
  readonly greeted: boolean
  /** The other side had said that it goes. */
  readonly leaving: boolean
  /** It only needed the place. */
  readonly evicted: boolean
  /** Services that calls were for, and that its certificate does not name. */
  readonly strange: readonly string[]
  readonly reason: string
}

/** Opens a connection, greets, keeps it alive, and tells its peer what becomes of it. */
function openOutgoing(
  address: Address,
  { runtime, limits, dial, deadlines }: Settings,
  on: {
    readonly up: () => void
    readonly leaving: (outgoing: ClientConnection, reason: string) => void
    readonly closed: (outgoing: ClientConnection, end: ConnectionEnd) => void
  },
): ClientConnection {
  let greeted = false
  let leaving = false
  let evicted = false
  let strange: readonly string[] = []
  let heartbeat: { readonly stop: () => void } | undefined
  const stream = dial(address, (identity) => {
    strange = outgoing.identify(identity)
    if (strange.length > 0) connection.close(`its certificate is of ${namesText(identity!)}, not of "${strange.join('", "')}"`)
    else stream.write(hello(limits.frame))
  })
  const connection = new Connection({
    stream,
    timers: runtime.timers,
    limits,
    pauses: false,
    onFrame: (type, id, bytes, start, end) => {
      if (!greeted) return greet(type, bytes, start, end)
      if (type === wire.PONG) return
      if (type === wire.LEAVING) return leave(id !== 0)
      if (type === wire.REFUSE) readHello(type, bytes, start, end)
      outgoing.receive(type, id, bytes, start, end)
    },
    onClose: (reason) => {
      handshake.cancel()
      heartbeat?.stop()
      on.closed(outgoing, { greeted, leaving, evicted, strange, reason })
    },
  })
  // Held back until the other side has said who it is.
  connection.hold()
  const outgoing = new ClientConnection({ connection, clock: runtime.clock, deadlines, limits })
  const handshake = runtime.timers.after(limits.handshake, () => connection.close(`no greeting within ${limits.handshake} ms`))

  const leave = (forPlace: boolean): void => {
    // Once is enough: who says it again and again would fill this side up with answers.
    if (leaving) return
    leaving = true
    evicted = forPlace
    const reason = evicted ? 'the other side needed its place' : 'the other side is stopping'
    on.leaving(outgoing, reason)
    if (evicted && outgoing.pending.size === 0) return connection.close(reason)
    // Said after every call that was sent: the other side knows then that no more will come.
    writeWord(connection, 0, wire.LEAVING)
    connection.flush()
  }

  const greet = (type: number, bytes: Buffer, start: number, end: number): void => {
    connection.frameLimit = readHello(type, bytes, start, end)
    connection.reader.limit = limits.frame
    greeted = true
    handshake.cancel()
    on.up()
    heartbeat = startHeartbeat(connection, limits, runtime)
    connection.release()
  }
  return outgoing
}

function routeTo(
  target: Target,
  reach: (place: string, service: string) => ClientConnection | CallError,
  { limits, runtime }: Settings,
): Route {
  const { service, operation } = target
  const place = `${service}.${operation}`
  const destination: Destination = { service, operation, place, namedOn: undefined, name: 0 }
  const window = { values: limits.window, bytes: limits.windowBytes }
  const connect = (): ClientConnection | CallError => reach(place, service)
  const start: StartCall = (input, context, to) => {
    const on = connect()
    if (on instanceof CallError) return to.reject(on)
    new SentCall(destination, context, to).start(on, input)
  }
  return {
    call: promised(start),
    start,
    stream: (input, call, incoming) => ({
      [Symbol.asyncIterator]: () =>
        sentStream({ to: destination, call, input, incoming, window, connect, soon: runtime.timers.soon }),
    }),
  }
}
