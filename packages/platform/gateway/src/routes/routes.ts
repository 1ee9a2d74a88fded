/** Routes and upstreams as they are written down, checked whole, and changed while a gateway runs. */
import { createLive } from 'dure/runtime/internal'
import { checkConfiguration, checkRoute } from './check.ts'
import type { GatewayConfiguration, RouteOptions } from './options.ts'

export type { GatewayConfiguration, RouteOptions } from './options.ts'
export { decoded, templateOf } from './path.ts'
export { createTable, type Table } from './table.ts'
export { matcherOf, placesOf, type Matcher } from './matcher.ts'
export { checkConfiguration, checkOf, firstOf, targetsOf } from './check.ts'

/** A configuration that can change while gateways use it. */
export type LiveRoutes = {
  readonly current: () => GatewayConfiguration
  /** @throws {SystemError} naming all that is wrong, and where: the old one goes on */
  readonly set: (next: GatewayConfiguration) => void
  /** Changes one route, or takes it out (undefined). @throws {SystemError} as `set` does */
  readonly setRoute: (name: string, route: RouteOptions | undefined) => void
  /** Told of each change until stopped: of all, or of the route of this name. What is told changes with the next change of a route. */
  readonly watch: (changed: (next: GatewayConfiguration, route?: string) => void) => { readonly stop: () => void }
}

/**
 * Routes that can change while a gateway runs. A configuration is taken whole, or refused whole and the old one goes on; requests under
 * way keep the route that they have.
 * @throws {SystemError} naming all that is wrong with it, and where
 *
 * @example
 * ```ts
 * import { liveRoutes } from '@dure/gateway'
 *
 * const routes = liveRoutes({
 *   routes: { orders: { prefix: '/orders', to: 'orders' } },
 *   upstreams: { orders: { addresses: ['127.0.0.1:8080'] } },
 * })
 * try {
 *   routes.setRoute('stock', { path: 'stock', to: 'orders' })
 * } catch (error) {
 *   console.log((error as Error).message)
 * }
 * // → Cannot use the routes: Route "stock": its path "stock" does not begin with "/"
 * console.log(Object.keys(routes.current().routes)) // → [ 'orders' ]
 * ```
 */
export function liveRoutes(initial: GatewayConfiguration): LiveRoutes {
  let taken = checkConfiguration(initial)
  const { current, watch, tell } = createLive<GatewayConfiguration, string>(initial)
  /** Routes that nobody else holds: they change in place, so that a change costs one route, however many there are. */
  let own: Record<string, RouteOptions> | undefined
  return {
    current: () => {
      own = undefined
      return current()
    },
    watch,
    set: (next) => {
      const checked = checkConfiguration(next)
      tell(next)
      taken = checked
    },
    setRoute: (name, route) => {
      const now = current()
      const before = Object.hasOwn(now.routes, name) ? now.routes[name] : undefined
      const undo = checkRoute({ name, before, route, taken, upstreams: now.upstreams ?? {} })
      const routes = now.routes === own ? own : (own = { ...now.routes })
      put(routes, name, route)
      try {
        tell(now.routes === routes ? now : { ...now, routes }, name, () => put(routes, name, before))
      } catch (error) {
        undo()
        throw error
      }
    },
  }
}

/** Also under a name that objects have something under already. */
function put(routes: Record<string, RouteOptions>, name: string, route: RouteOptions | undefined): void {
  if (route === undefined) delete routes[name]
  else Object.defineProperty(routes, name, { value: route, configurable: true, enumerable: true, writable: true })
}
