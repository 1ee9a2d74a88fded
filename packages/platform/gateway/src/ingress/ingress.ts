/** Routes that follow Ingress documents, wherever these come from. */
import { readDocuments } from 'dure/config/parse'
import type { Freshness } from 'dure/discovery'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { liveRoutes, type LiveRoutes } from '../routes/routes.ts'
import { hashOf, refuse } from '../written/written.ts'
import { ingressRoutes, type IngressOptions, type Translated } from './translate.ts'

export { ingressRoutes, type IngressNote, type IngressOptions } from './translate.ts'

/** Who has the documents, and says when they change: `kubernetesObjects` of `@dure/kubernetes`. */
export type IngressSource = {
  readonly objects: () => Iterable<unknown>
  readonly watch: (changed: () => void) => { readonly stop: () => void }
  readonly freshness: () => Freshness
}

export type IngressRoutes = {
  readonly routes: LiveRoutes
  /** Whether they are kept up to date. */
  readonly freshness: () => Freshness
  readonly stop: () => void
}

/** Milliseconds in which changes are taken together; notes that are remembered, so that each is said once. */
const [TOGETHER, MOST_TOLD] = [20, 10_000]

/**
 * Routes of Ingress documents that change: taken anew with each change, and what is not understood said once in the log.
 *
 * @example
 * ```ts
 * import { followIngress } from '@dure/gateway'
 * import { realRuntime } from 'dure/runtime'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const backend = { service: { name: 'orders', port: { number: 80 } } }
 * const ingress = { kind: 'Ingress', metadata: { name: 'web' }, spec: { defaultBackend: backend } }
 * const { routes, stop } = followIngress({
 *   source: { objects: () => [ingress], watch: () => ({ stop: () => {} }), freshness: () => ({ fresh: true }) },
 *   runtime: realRuntime(),
 *   log: silentLogger(),
 * }) // startGateway({ routes, registry: kubernetesRegistry() })
 * console.log(routes.current().routes) // → { 'web/default': { to: 'default/orders:80', prefix: '/' } }
 * stop()
 * ```
 */
export function followIngress(
  options: IngressOptions & {
    readonly source: IngressSource
    readonly runtime: Pick<Runtime, 'timers'>
    readonly log: Logger
  },
): IngressRoutes {
  const { source, runtime, log, ...how } = options
  const told = new Set<string>()
  const translated = (): Translated['configuration'] => {
    const { configuration, notes } = ingressRoutes(source.objects(), how)
    const now = new Set<string>()
    for (const note of notes) {
      const { object, at, why } = note
      const key = `${object} ${at} ${why}`
      now.add(key)
      if (!told.has(key)) log.warn('A part of an Ingress is not used', { object, at, why })
    }
    // One that went and comes again is said again.
    told.clear()
    for (const key of [...now].slice(0, MOST_TOLD)) told.add(key)
    return { ...configuration, version: hashOf(configuration) }
  }
  const routes = liveRoutes(translated())
  let pending: { readonly cancel: () => void } | undefined
  const take = (): void => {
    pending = undefined
    const next = translated()
    if (next.version === routes.current().version) return
    try {
      routes.set(next)
      log.info('The routes have changed', { version: next.version, routes: Object.keys(next.routes).length })
    } catch (error) {
      log.error('The routes are not taken, and the old ones go on', { error: (error as Error).message })
    }
  }
  const watching = source.watch(() => (pending ??= runtime.timers.after(TOGETHER, take)))
  return {
    routes,
    freshness: source.freshness,
    stop: () => {
      watching.stop()
      pending?.cancel()
    },
  }
}

/**
 * Reads a file of Kubernetes' documents, as `kubectl apply` takes it.
 * @throws {SystemError} naming all that is wrong, each with its line
 *
 * @example
 * ```ts
 * import { readIngressFile } from '@dure/gateway'
 *
 * const documents = readIngressFile('kind: Ingress\nmetadata: { name: web }\n---\nkind: Service\n', 'ingress.yaml')
 * console.log(documents.length) // → 2
 * ```
 */
export function readIngressFile(text: string, file: string): readonly unknown[] {
  const { documents, faults } = readDocuments(text, { kind: file.endsWith('.json') ? 'json' : 'yaml' })
  if (faults.length > 0) refuse(file, faults)
  const stranger = documents.find(({ entries }) => entries?.has('kind') !== true)
  if (stranger !== undefined) refuse(file, [{ line: stranger.line, why: 'it is no document of Kubernetes: it has no "kind"' }])
  return documents.map(({ value }) => value)
}
