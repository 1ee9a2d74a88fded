import type { CallError } from '../contract/contract.ts'
import type { Endpoint } from './endpoint.ts'
import { missingHere } from './failure.ts'
import type { Route, Target } from './transport.ts'

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
  readonly remove: (service: string) => void
}

export type LocalRoute = Route & {
  /** Whether the operation's service runs here now. */
  readonly connected: () => boolean
}

export function createLocalTransport(): LocalTransport {
  const routes = new Map<string, MutableRoute>()
  const runs = (service: string): boolean => {
    for (const [key, route] of routes) if (key.startsWith(`${service}.`) && route.connected()) return true
    return false
  }
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
    remove: (service) => {
      for (const [key, route] of routes) if (key.startsWith(`${service}.`)) route.connect(undefined)
    },
  }
}

type MutableRoute = LocalRoute & { readonly connect: (endpoint: Endpoint | undefined) => void }

/** Callers may take their route before the callee has started, and keep it while it restarts. */
function createRoute({ service, operation }: Target, runs: (service: string) => boolean): MutableRoute {
  let endpoint: Endpoint | undefined
  const missing = (): CallError => missingHere({ service, operation }, runs(service))
  return {
    local: true,
    connected: () => endpoint !== undefined,
    connect: (next) => {
      endpoint = next
    },
    call: (input, context) => (endpoint === undefined ? Promise.reject(missing()) : endpoint.call(input, context)),
    stream: (input, context, incoming) => {
      if (endpoint !== undefined) return endpoint.stream(input, context, incoming)
      return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(missing()) }) }
    },
  }
}
