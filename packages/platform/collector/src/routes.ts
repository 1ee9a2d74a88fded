/** All addresses of the collector. */
import { bulkRoutes } from './in/bulk.ts'
import { linesRoutes } from './in/lines.ts'
import { otlpRoutes } from './in/otlp-routes.ts'
import { sentryRoutes } from './in/sentry.ts'
import { zipkinRoutes } from './in/zipkin.ts'
import type { Intake } from './intake.ts'
import { expositionRoutes } from './out/exposition.ts'
import { zipkinQueryRoutes } from './out/zipkin.ts'
import type { Store } from './store/store.ts'
import { json, type Route } from './http.ts'

export function routesOf({ intake, store }: { readonly intake: Intake; readonly store: Store }): readonly Route[] {
  const health: Route = { method: 'GET', path: /^\/health$/, answer: () => json(200, { status: 'UP', ...intake.counters() }) }
  return [
    health,
    ...otlpRoutes(intake),
    ...linesRoutes(intake),
    ...zipkinRoutes(intake),
    ...sentryRoutes(intake),
    ...bulkRoutes(intake),
    ...expositionRoutes(store, intake),
    ...zipkinQueryRoutes(store, intake),
  ]
}
