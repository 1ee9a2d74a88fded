/** Routes of Spring Cloud Gateway. */
import { definitionOf, type Definition } from './definitions.ts'
import { translate, type WrittenRoute } from './filters.ts'
import { askAll, nothingAsked, type Asked } from './predicates.ts'
import { arranged, freeName, targetOf, type Draft, type Drafts, type ImportNote } from './routes.ts'
import { at, take, type Setting } from './settings.ts'

/** The second since Spring Cloud 2025.0. */
const PLACES = ['spring.cloud.gateway', 'spring.cloud.gateway.server.webflux']

type Gathering = {
  readonly note: (note: ImportNote) => void
  /** Filters that are left out without their routes. */
  readonly ignored: ReadonlySet<string>
  /** Milliseconds since the epoch. */
  readonly now: number
}

export function springRoutes(root: Setting, gathering: Gathering): Drafts {
  const upstreams: Record<string, object> = {}
  const drafts: (Draft & { readonly order: number })[] = []
  const names: Record<string, true> = {}
  /** Lines of routes whose services are told another host than there, and of those that ask for a host. */
  const [hosts, cased]: [number[], number[]] = [[], []]
  for (const place of PLACES) {
    const defaults = listOf(at(root, `${place}.default-filters`))
    const timeout = millisecondsOf(take(root, `${place}.httpclient.response-timeout`))
    for (const setting of listOf(at(root, `${place}.routes`)))
      for (const draft of draftsOf(setting, { gathering, defaults, timeout, names, upstreams, hosts, cased })) drafts.push(draft)
  }
  const once = (lines: readonly number[], what: string, why: string): void => {
    const how = lines.length === 1 ? 'a route' : `${lines.length} routes`
    if (lines.length > 0) gathering.note({ line: Math.min(...lines), is: 'differs', what: `${how} ${what}`, why })
  }
  once(
    hosts,
    'to services of the registry',
    'services are told the host that their client asked for, as with PreserveHostHeader; there the address of the instance',
  )
  once(cased, 'of a host', 'hosts are the same in capitals, with a port or with a dot at their end; there they are others')
  const routes = arranged(
    drafts.toSorted((one, other) => one.order - other.order),
    gathering.note,
  )
  return { routes, upstreams }
}

const listOf = (setting: Setting | undefined): readonly Setting[] => (setting === undefined ? [] : [...setting.children.values()])

function draftsOf(
  setting: Setting,
  about: {
    readonly gathering: Gathering
    readonly defaults: readonly Setting[]
    readonly timeout: number | undefined
    readonly names: Record<string, true>
    readonly upstreams: Record<string, object>
    readonly hosts: number[]
    readonly cased: number[]
  },
): readonly (Draft & { readonly order: number })[] {
  const { gathering, defaults, timeout, names, upstreams, hosts: untold, cased } = about
  const { line } = setting
  const id = take(setting, 'id') ?? `route-${line}`
  const what = `route "${id}"`
  const leave = (why: string, at = line): readonly [] => {
    gathering.note({ line: at, is: 'left out', what, why })
    return []
  }
  const predicates = definitionsOf(listOf(at(setting, 'predicates')))
  const filters = definitionsOf([...defaults, ...listOf(at(setting, 'filters'))])
  const order = Number(take(setting, 'order') ?? 0)
  const own = millisecondsOf(take(setting, 'metadata.response-timeout'))
  if (take(setting, 'enabled') === 'false') return leave('it is not enabled')
  const target = targetOf(take(setting, 'uri') ?? '')
  if (typeof target === 'string') return leave(`its uri ${target}`)
  const asked = nothingAsked()
  const why = askAll(predicates, asked, gathering.now)
  if (why !== undefined) return leave(why)
  if (asked.never) return leave('its time is over: it takes nothing any more')
  const paths: Asked['paths'] = asked.paths.length > 0 ? asked.paths : [{ prefix: '/' }]
  const route: WrittenRoute = {}
  // The service is asked as it is named there, unless its client's word is kept.
  const asks = filters.some((each) => each?.name === 'PreserveHostHeader')
  if (target.host !== undefined && !asks) route.filters = [{ headers: { request: { host: target.host } } }]
  const limit = own ?? timeout
  if (limit !== undefined) route['timeout'] = limit
  for (const definition of filters) {
    if (definition === undefined) return leave('one of its filters cannot be read')
    const came = translate(definition, { route, name: id, paths: paths.map(({ path, prefix }) => (path ?? prefix)!) })
    const about = { line: definition.line, what: `filter ${definition.text} of ${what}` }
    if (came.differs !== undefined) gathering.note({ ...about, is: 'differs', why: came.differs })
    if (came.missing === undefined) continue
    if (!gathering.ignored.has(definition.name))
      return leave(
        `its filter ${definition.text}: ${came.missing}; to have the route without it: --ignore ${definition.name}`,
        definition.line,
      )
    gathering.note({ ...about, is: 'differs', why: `it is left out, as was asked for: ${came.missing}` })
  }
  if (target.options !== undefined) upstreams[target.upstream] = target.options
  else if (!asks) untold.push(line)
  if (asked.hosts.length > 0) cased.push(line)
  const hosts = asked.hosts.length > 0 ? asked.hosts : [undefined]
  return hosts.flatMap((host) =>
    paths.map((path) => {
      const name = freeName(id, names)
      names[name] = true
      const { methods, headers, query, cookies, addresses } = asked
      const some = (each: object): boolean => Object.keys(each).length > 0
      return {
        ...{ name, line, order, weight: asked.weight },
        route: {
          ...(host !== undefined && { host }),
          ...path,
          ...(methods !== undefined && { methods }),
          ...(some(headers) && { headers }),
          ...(some(query) && { query }),
          ...(some(cookies) && { cookies }),
          ...(addresses.length > 0 && { addresses }),
          to: target.upstream,
          ...route,
        } as Draft['route'],
      }
    }),
  )
}

const definitionsOf = (settings: readonly Setting[]): readonly (Definition | undefined)[] => settings.map(definitionOf)

/** `5s`, `300ms`, `PT5S`, or a number of milliseconds. */
export function millisecondsOf(text: string | undefined): number | undefined {
  const [, number, unit = 'ms'] = /^(?:PT)?(\d+)(ms|s|m|h)?$/i.exec(text ?? '') ?? []
  return number === undefined ? undefined : Number(number) * { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit.toLowerCase()]!
}
