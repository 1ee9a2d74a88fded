/** Kubernetes' Ingress documents as routes. */
import { checkOf, placesOf, type GatewayConfiguration, type RouteOptions } from '../routes/routes.ts'
import { certificatesOf, type Note } from './certificates.ts'
import type { UpstreamOptions } from '../upstreams/upstreams.ts'
import {
  addressesIn,
  addressText,
  at,
  flattened,
  isObject,
  listAt,
  byName,
  nameOf,
  namespaceOf,
  textAt,
  type Json,
} from './documents.ts'

export type IngressOptions = {
  /** Ingresses of other classes are somebody else's; those without one are taken. Default: `dure`. */
  readonly ingressClass?: string
  /**
   * Who knows the instances of a Service: the registry, which is Kubernetes', or the documents: EndpointSlices among them, or else the
   * Service's own name and port. Default: the documents.
   */
  readonly instances?: 'registry' | 'documents'
  /**
   * `secrets`: it speaks TLS, with the certificates of the Secrets among the documents that Ingresses name. A host whose Secret is not there, or
   * cannot be used, has no handshake until it can. Default: certificates are not theirs to say.
   */
  readonly tls?: 'secrets'
}

/** What of a document is not understood, or not done. */
export type IngressNote = {
  /** `Ingress shop/web`. */
  readonly object: string
  /** `spec.rules[0].http.paths[1]`. */
  readonly at: string
  readonly why: string
}

export type Translated = { readonly configuration: GatewayConfiguration; readonly notes: readonly IngressNote[] }

const CLASS = 'kubernetes.io/ingress.class'
/** Whose annotations are not about how requests are handled. */
const OTHERS =
  /^(?:kubectl\.kubernetes\.io|kubernetes\.io\/ingress\.class|meta\.helm\.sh|(?:[\w-]+\.)*argoproj\.io|cert-manager\.io|acme\.cert-manager\.io)/

/**
 * Routes of Ingress documents (`networking.k8s.io/v1`), with the Services and EndpointSlices among them, in any order; other kinds are
 * passed over. One that cannot be used takes nothing from the others.
 *
 * @example
 * ```ts
 * import { ingressRoutes } from '@dure/gateway'
 *
 * const { configuration, notes } = ingressRoutes([
 *   {
 *     kind: 'Ingress',
 *     metadata: { name: 'web', annotations: { 'nginx.ingress.kubernetes.io/rewrite-target': '/' } },
 *     spec: {
 *       rules: [
 *         {
 *           host: 'shop.example',
 *           http: { paths: [{ path: '/orders', pathType: 'Prefix', backend: { service: { name: 'orders', port: { number: 80 } } } }] },
 *         },
 *       ],
 *     },
 *   },
 * ])
 * console.log(configuration.routes['web/0/0'])
 * // → { to: 'default/orders:80', host: 'shop.example', prefix: '/orders' }
 * console.log(configuration.upstreams) // → { 'default/orders:80': { addresses: [ 'orders:80' ] } }
 * console.log(notes.map(({ at }) => at)) // → [ 'metadata.annotations.nginx.ingress.kubernetes.io/rewrite-target' ]
 * ```
 */
export function ingressRoutes(documents: Iterable<unknown>, options: IngressOptions = {}): Translated {
  const { ingressClass = 'dure' } = options
  const objects = flattened(documents)
  const notes: IngressNote[] = []
  const routes: Record<string, RouteOptions> = {}
  const upstreams: Record<string, UpstreamOptions> = {}
  const services = byName(objects, 'Service')
  /** Who has which place: who came first keeps it. */
  const taken = new Map<string, string>()
  const take = (name: string, route: RouteOptions, note: Note, where: string): void => {
    const [problem] = checkOf({ routes: { [name]: route } }).problems
    if (problem !== undefined) return note(where, `${problem.why}: it is left out`)
    for (const place of placesOf(name, route)) {
      const other = taken.get(place)
      if (other !== undefined) return note(where, `it asks for the same as "${other}": it is left out`)
      taken.set(place, name)
    }
    routes[name] = route
  }
  const ingresses = ingressesOf(objects, ingressClass)
  const noteOf =
    (ingress: Json): Note =>
    (where, why) =>
      void notes.push({ object: `Ingress ${namespaceOf(ingress)}/${nameOf(ingress)}`, at: where, why })
  for (const ingress of ingresses) {
    const note = noteOf(ingress)
    noteUnused(ingress, note, options)
    const backend = (value: unknown, where: string): string | undefined => {
      const found = upstreamOf(value, {
        namespace: namespaceOf(ingress),
        objects,
        services,
        instances: options.instances ?? 'documents',
      })
      if (found.why !== undefined) note(where, found.why)
      if (found.name !== undefined) upstreams[found.name] ??= found.upstream
      return found.name
    }
    const prefix = namespaceOf(ingress) === 'default' ? nameOf(ingress) : `${namespaceOf(ingress)}/${nameOf(ingress)}`
    for (const [i, rule] of listAt(ingress, 'spec', 'rules').entries()) {
      const host = textAt(rule, 'host')
      for (const [j, path] of listAt(rule, 'http', 'paths').entries()) {
        const where = `spec.rules[${i}].http.paths[${j}]`
        const to = backend(at(path, 'backend'), `${where}.backend`)
        if (to === undefined) continue
        const asked = pathOf(path)
        if (typeof asked === 'string') note(where, asked)
        else take(`${prefix}/${i}/${j}`, { to, ...(host !== undefined && { host }), ...asked }, note, where)
      }
      if (host !== undefined && listAt(rule, 'http', 'paths').length === 0)
        note(`spec.rules[${i}]`, 'it has no path: it is left out')
    }
    const fallback = at(ingress, 'spec', 'defaultBackend')
    if (fallback === undefined) continue
    const to = backend(fallback, 'spec.defaultBackend')
    if (to !== undefined) take(`${prefix}/default`, { to, prefix: '/' }, note, 'spec.defaultBackend')
  }
  const tls = options.tls === 'secrets' ? { tls: certificatesOf(ingresses, byName(objects, 'Secret'), noteOf) } : {}
  return { configuration: { routes, upstreams, ...tls }, notes }
}

/** The oldest first, for whoever came first keeps a place that two ask for. */
function ingressesOf(objects: readonly Json[], ingressClass: string): readonly Json[] {
  const ageOf = (each: Json): string => textAt(each, 'metadata', 'creationTimestamp') ?? ''
  const keyOf = (each: Json): string => `${namespaceOf(each)}/${nameOf(each)}`
  return objects
    .filter((each) => each['kind'] === 'Ingress')
    .filter((each) => {
      const given = textAt(each, 'spec', 'ingressClassName') ?? textAt(each, 'metadata', 'annotations', CLASS)
      return given === undefined || given === ingressClass
    })
    .toSorted((one, other) => compare(ageOf(one), ageOf(other)) || compare(keyOf(one), keyOf(other)))
}

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)

function noteUnused(ingress: Json, note: Note, { tls }: IngressOptions): void {
  const version = textAt(ingress, 'apiVersion')
  if (version !== undefined && version !== 'networking.k8s.io/v1')
    note('apiVersion', `"${version}" is not networking.k8s.io/v1: it is read as that`)
  const annotations = at(ingress, 'metadata', 'annotations')
  for (const name of isObject(annotations) ? Object.keys(annotations) : [])
    if (!OTHERS.test(name))
      note(`metadata.annotations.${name}`, 'it is an annotation that is not understood: it does nothing here')
  if (tls === undefined && listAt(ingress, 'spec', 'tls').length > 0)
    note('spec.tls', 'certificates are not taken from Secrets: give them to the gateway itself, or to who stands before it')
}

function pathOf(given: unknown): Pick<RouteOptions, 'path' | 'prefix'> | string {
  const type = textAt(given, 'pathType') ?? 'ImplementationSpecific'
  const path = escaped(textAt(given, 'path') ?? '/')
  if (type === 'Exact') return { path }
  if (type === 'Prefix' || type === 'ImplementationSpecific') return { prefix: path }
  return `its pathType "${type}" is none of Exact, Prefix, ImplementationSpecific: it is left out`
}

/** As it stands in a URL: a brace is no parameter here. */
const escaped = (path: string): string =>
  path.replaceAll(/[{}"<>^`|\\ \u0080-\u{10ffff}]/gu, (character) => encodeURIComponent(character))

type Found =
  | { readonly name: string; readonly upstream: UpstreamOptions; readonly why?: string }
  | { readonly name: undefined; readonly why: string }

/** Whom a backend means. Who is not there has nobody up, and its routes answer 503 until it is, as Kubernetes has it. */
function upstreamOf(
  backend: unknown,
  known: {
    readonly namespace: string
    readonly objects: readonly Json[]
    readonly services: ReadonlyMap<string, Json>
    readonly instances: 'registry' | 'documents'
  },
): Found {
  const { namespace, objects, services, instances } = known
  const service = at(backend, 'service')
  const name = textAt(service, 'name')
  if (name === undefined)
    return {
      name: undefined,
      why:
        at(backend, 'resource') === undefined
          ? 'it names no service: it is left out'
          : 'resources are not understood, only services: it is left out',
    }
  const [asked, number] = [textAt(service, 'port', 'name'), at(service, 'port', 'number')]
  const key = `${namespace}/${name}`
  const upstreamName = `${key}:${asked ?? String(number)}`
  const nobody = (why: string): Found => ({
    name: upstreamName,
    upstream: { addresses: [] },
    why: `${why}: it is answered with 503`,
  })
  if (asked === undefined && typeof number !== 'number') return nobody('it names no port')
  const document = services.get(key)
  if (textAt(document, 'spec', 'type') === 'ExternalName')
    return nobody(`the Service "${name}" is of type ExternalName, which is not understood`)
  const ports = listAt(document, 'spec', 'ports').filter(isObject)
  const port = ports.find((each) => (asked === undefined ? each['port'] === number : each['name'] === asked))
  if (document !== undefined && port === undefined) return nobody(`the Service "${name}" has no port ${asked ?? String(number)}`)
  const portName = asked ?? textAt(port, 'name')
  if (instances === 'registry') {
    if (document === undefined && asked === undefined)
      return nobody(`there is no Service "${name}" that could say which port ${String(number)} is`)
    return { name: upstreamName, upstream: { service: name, endpoint: portName ?? 'http' } }
  }
  const addresses = addressesIn(objects, key, portName)
  if (addresses !== undefined) return { name: upstreamName, upstream: { addresses } }
  const by = typeof number === 'number' ? number : port?.['port']
  if (typeof by !== 'number') return nobody(`there is no Service "${name}" that could say which port "${String(asked)}" is`)
  return { name: upstreamName, upstream: { addresses: [addressText(name, by)] } }
}
