import type { CallError } from '../contract/contract.ts'
import type { Endpoint } from './endpoint.ts'
import { missingHere } from './failure.ts'
import { startCall, type Route, type Target } from './transport.ts'

/**
 * The local transport: caller and callee in one process. Nothing is copied here because the endpoint's
 * own parsing isolates both sides (a parsed value is a new value).
 */
export type LocalTransport = {
  readonly route: (target: Target) => LocalRoute
  /** Whether an operation of this name runs here now. */
  readonly has: (target: Target) => boolean
  readonly runs: (service: string) => boolean
  readonly add: (target: Target, endpoint: Endpoint) => void
  /** Has callers of this process go elsewhere from now on; who comes from other processes is answered until it is removed. */
  readonly leave: (service: string) => void
  readonly remove: (service: string) => void
}

export type LocalRoute = Route & {
  /** Whether the operation's service runs here now, and is not leaving. */
  readonly connected: () => boolean
}

export function createLocalTransport(): LocalTransport {
  const routes = new Map<string, MutableRoute>()
  const routesOf = (service: string): readonly MutableRoute[] =>
    [...routes].flatMap(([key, route]) => (key.startsWith(`${service}.`) ? [route] : []))
  const runs = (service: string): boolean => routesOf(service).some((route) => route.connected())
  const routeTo = (target: Target): MutableRoute => {
    const key = `${target.service}.${target.operation}`
    let route = routes.get(key)
    if (route === undefined) {
      route = createRoute(target, runs)
      routes.set(key, route)
    }
    return route
  }
  return {
    route: routeTo,
    runs,
    has: ({ service, operation }) => routes.get(`${service}.${operation}`)?.connected() === true,
    add: (target, endpoint) => routeTo(target).connect(endpoint),
    leave: (service) => {
      for (const route of routesOf(service)) route.leave()
    },
    remove: (service) => {
      for (const route of routesOf(service)) route.connect(undefined)
    },
  }
}

type MutableRoute = LocalRoute & {
  readonly connect: (endpoint: Endpoint | undefined) => void
  readonly leave: () => void
}

/** Callers may take their route before the callee has started, and keep it while it restarts. */
function createRoute({ service, operation }: Target, runs: (service: string) => boolean): MutableRoute {
  let endpoint: Endpoint | undefined
  let connected = false
  const missing = (): CallError => missingHere({ service, operation }, runs(service))
  return {
    local: true,
    connected: () => connected,
    connect: (next) => {
      endpoint = next
      connected = next !== undefined
    },
    leave: () => {
      connected = false
    },
    call: (input, context) => (endpoint === undefined ? Promise.reject(missing()) : endpoint.call(input, context)),
    start: (input, context, to) => (endpoint === undefined ? to.reject(missing()) : startCall(endpoint, input, context, to)),
    stream: (input, context, incoming) => {
      if (endpoint !== undefined) return endpoint.stream(input, context, incoming)
      return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(missing()) }) }
    },
  }
}
