import { CallError, type AnyContract, type AnyOperation } from 'dure/contract'
import { cancelledError, NOT_BEGUN, type ConnectPeer, type Peer, type Route, type Target } from 'dure/call/internal'
import type { CallContext } from 'dure/call'
import type { Address } from 'dure/discovery'
import { createDeadlines, type Deadlines, type Runtime } from 'dure/runtime'
import { backoff, isDistrusted, whyFetchFailed } from 'dure/runtime/internal'
import { Pool } from 'undici'
import { Exchange, type Receiver } from './exchange.ts'
import { requestHeaders } from 'dure/door/internal'
import { clientLimits, type ClientLimits } from './limits.ts'
import { httpRoute, type OutgoingRequest, type Sending } from './route.ts'

/** Certificates, in PEM. */
export type HttpTls = {
  /** Who is trusted to sign the other side's certificate. Default: the authorities Node knows. */
  readonly ca?: string | Buffer
  /** This side's own certificate and key, where the other side asks for one. */
  readonly cert?: string | Buffer
  readonly key?: string | Buffer
  /** The name that the other side's certificate must bear. Default: the host. */
  readonly servername?: string
}

export type HttpPeersOptions = {
  /** What may be called: operations that have a route of HTTP. */
  readonly contracts: readonly AnyContract[]
  readonly runtime: Pick<Runtime, 'clock' | 'timers' | 'random'>
  /** HTTPS, with these certificates. */
  readonly tls?: HttpTls | undefined
  /** In front of every path: `/api`. */
  readonly prefix?: string | undefined
  /** The header `authorization` of a request. */
  readonly authorization?: ((call: Pick<CallContext, 'principal' | 'metadata'>) => string | undefined) | undefined
  readonly limits?: Partial<ClientLimits> | undefined
}

type Settings = Omit<HttpPeersOptions, 'limits'> & { readonly limits: ClientLimits; readonly deadlines: Deadlines }

/** Milliseconds before an address that could not be reached is tried again. */
const BACKOFF = { first: 50, max: 2_000 }

/** Milliseconds that an address is left alone which asks for it without saying how long. */
const REST = 1_000

/** Peers over HTTP/1.1, each with connections that are kept. One timer wheel serves the deadlines of all of them. */
export function httpPeers(options: HttpPeersOptions): ConnectPeer {
  const { clock, timers } = options.runtime
  const settings = { ...options, limits: clientLimits(options.limits), deadlines: createDeadlines({ clock, timers }) }
  return (address) => createPeer(address, settings)
}

function createPeer(address: Address, settings: Settings): Peer {
  const { contracts, runtime, limits } = settings
  const { clock, random } = runtime
  const where = address.kind === 'unix' ? address.path : `${address.host}:${address.port}`
  const pool = poolTo(address, settings)
  const routes = new Map<string, Route>()
  const open = new Set<Exchange>()
  let stopped = false
  /** Failed connections in a row, why, and until when nothing is sent. */
  let failures = 0
  let down = { until: 0, why: '' }

  const unreached = (place: string, why: string): CallError =>
    new CallError('UNAVAILABLE', `Call to ${place} failed: no connection to ${where}: ${why}`, {
      details: NOT_BEGUN,
      inside: true,
    })

  const lost: Sending['lost'] = (place, error, sent) => {
    if (!sent) {
      const advice = isDistrusted(error) ? '; give "tls" the certificate of who signed it ("ca")' : ''
      const why = stopped ? 'this side has stopped' : `${whyFetchFailed(error)}${advice}`
      failures++
      down = { until: clock.monotonic() + backoff(BACKOFF, failures, random), why }
      return unreached(place, why)
    }
    if (isMalformed(error)) return new CallError('INTERNAL', `Call to ${place} failed: its answer is not HTTP`)
    const words = `Call to ${place} failed: the connection to ${where} was lost: ${whyFetchFailed(error)}`
    return new CallError('UNAVAILABLE', words, { inside: true, cause: error })
  }

  const send = (place: string, request: OutgoingRequest, call: CallContext, receiver: Receiver): Exchange | Error => {
    const now = clock.monotonic()
    const left = call.deadline - now
    if (left <= 0) return cancelledError(place, 'deadline')
    if (stopped) return unreached(place, 'this side has stopped')
    if (now < down.until) return unreached(place, down.why)
    const { method, path, body, accept } = request
    const allowed = settings.authorization?.(call)
    const said = requestHeaders(call, left, {
      accept,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(allowed !== undefined && { authorization: allowed }),
    })
    if (!said.ok) return new CallError('INVALID_ARGUMENT', `Call to ${place} was refused: ${said.why}`)
    const exchange = new Exchange({
      place,
      call,
      deadlines: settings.deadlines,
      to: counted(receiver, () => open.delete(exchange)),
    })
    open.add(exchange)
    exchange.start()
    if (!exchange.isOver)
      pool.dispatch({ method, path: `${settings.prefix ?? ''}${path}`, headers: said.headers, body: body ?? null }, exchange)
    return exchange
  }

  const answered: Sending['answered'] = ({ status, type, body, headers }) => {
    failures = 0
    if (status !== 503 && status !== 429) return
    // Of one of ours, this is said of a call; only its door speaks for the whole of it.
    if (/^application\/problem\+json/i.test(type) && !Buffer.from(body).includes('"code":"OVERLOADED"')) return
    const seconds = Number(headers['retry-after'] ?? Number.NaN)
    if (headers['retry-after'] === undefined) return
    const rest = Math.min(Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : REST, limits.rest)
    down = { until: clock.monotonic() + rest, why: `it asked to be left alone for ${rest} ms` }
  }

  return {
    address,
    route: (target) => {
      const place = `${target.service}.${target.operation}`
      let route = routes.get(place)
      if (route === undefined) {
        const operation = mapped(contracts, target)
        route =
          operation === undefined ? unmapped(place) : httpRoute(place, operation, { limit: limits.answer, send, lost, answered })
        routes.set(place, route)
      }
      return route
    },
    state: () => {
      if (stopped || clock.monotonic() < down.until) return 'down'
      if (pool.stats.connected > 0) return 'up'
      return open.size > 0 ? 'connecting' : 'idle'
    },
    pending: () => open.size,
    stop: async () => {
      stopped = true
      for (const exchange of [...open])
        exchange.fail(
          new CallError('UNAVAILABLE', `Call over HTTP to ${where} was ended: this side has stopped`, { inside: true }),
        )
      await pool.destroy()
    },
  }
}

function poolTo(address: Address, { limits, tls }: Settings): Pool {
  const scheme = tls === undefined ? 'http' : 'https'
  const host =
    address.kind === 'unix'
      ? 'localhost'
      : address.host.includes(':')
        ? `[${address.host}]:${address.port}`
        : `${address.host}:${address.port}`
  return new Pool(`${scheme}://${host}`, {
    connections: limits.connections,
    pipelining: 1,
    allowH2: false,
    // Every request has a deadline, which cuts it.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: limits.keepAliveTimeout,
    maxHeaderSize: limits.headers,
    connect: {
      timeout: limits.connectTimeout,
      ...(address.kind === 'unix' && { socketPath: address.path }),
      ...tls,
    },
  })
}

/** The same, which says when it is over. */
function counted(to: Receiver, over: () => void): Receiver {
  return {
    head: (status, headers) => to.head(status, headers),
    data: (chunk) => to.data(chunk),
    end: () => {
      over()
      to.end()
    },
    failed: (error, sent) => {
      over()
      to.failed(error, sent)
    },
  }
}

function mapped(contracts: readonly AnyContract[], { service, operation }: Target): AnyOperation | undefined {
  const operations = contracts.find(({ name }) => name === service)?.operations as Record<string, AnyOperation> | undefined
  const found = operations !== undefined && Object.hasOwn(operations, operation) ? operations[operation] : undefined
  return found?.bindings.http === undefined ? undefined : found
}

function unmapped(place: string): Route {
  const refuse = (): Promise<never> =>
    Promise.reject(
      new CallError(
        'UNIMPLEMENTED',
        `Call to ${place} failed: its contract gives it no route of HTTP, and its service is called over HTTP`,
      ),
    )
  return { call: refuse, stream: () => ({ [Symbol.asyncIterator]: () => ({ next: refuse }) }) }
}

/** Whether what came was no answer of HTTP. */
function isMalformed(error: Error): boolean {
  const { name, code } = error as { readonly name: string; readonly code?: unknown }
  return name === 'HTTPParserError' || (typeof code === 'string' && /^UND_ERR_(?:HEADERS_OVERFLOW|RES_|RESPONSE)/.test(code))
}
