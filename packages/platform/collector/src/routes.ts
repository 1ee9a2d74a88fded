/** All addresses of the collector. */
import type { Intake } from './intake.ts'
import { linesRoutes } from './in/lines.ts'
import { otlpRoutes } from './in/otlp-routes.ts'
import type { Store } from './store/store.ts'
import { json, type Route } from './http.ts'

export function routesOf({ intake, store: _ }: { readonly intake: Intake; readonly store: Store }): readonly Route[] {
  const health: Route = { method: 'GET', path: /^\/health$/, answer: () => json(200, { status: 'UP', ...intake.counters() }) }
  return [health, ...otlpRoutes(intake), ...linesRoutes(intake)]
}
