/** Routes as they are gathered from another gateway's configuration, and what is said of them. */
import type { RouteOptions } from '../routes/routes.ts'
import { routesReader } from '../written/written.ts'
import type { WrittenRoute } from './filters.ts'
import { covers, goesFirst, overlap } from './order.ts'

/** `left out`: it is not in the routes that are written. `differs`: it is, and not quite the same. */
export type ImportNote = {
  readonly line: number
  readonly is: 'left out' | 'differs'
  readonly what: string
  readonly why: string
}

export type Draft = {
  readonly name: string
  readonly line: number
  readonly route: WrittenRoute & RouteOptions
  /** Of a group of routes that share requests by their weights. */
  readonly weight?: { readonly group: string; readonly weight: number } | undefined
}

export type Drafts = {
  readonly routes: Record<string, WrittenRoute>
  readonly upstreams: Record<string, object>
}

/** Where a service of this uri is. */
export function targetOf(
  uri: string,
): { readonly upstream: string; readonly options?: object; readonly host?: string; readonly path?: string } | string {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.:-]*):\/\/(.*)$/i.exec(uri) ?? []
  if (scheme === 'lb' || scheme === 'lb:http' || scheme === 'lb:ws') {
    const service = rest.replace(/[/?#].*$/, '')
    return service === '' ? `"${uri}" names no service` : { upstream: service.toLowerCase() }
  }
  if (scheme === 'no') return { upstream: 'nobody', options: { addresses: [] } }
  const https = scheme === 'https' || scheme === 'wss'
  if (!https && scheme !== 'http' && scheme !== 'ws')
    return `"${uri}" is not http://, https:// or lb://, which upstreams here are`
  try {
    const { hostname, port, host, pathname } = new URL(`${https ? 'https' : 'http'}://${rest}`)
    const upstream = `${https ? 'https://' : ''}${hostname}:${port === '' ? (https ? '443' : '80') : port}`
    return { upstream, options: { addresses: [upstream] }, host, path: pathname.replace(/\/$/, '') }
  } catch {
    return `"${uri}" is no address`
  }
}

/** A name that routes may have, and that none has yet. */
export function freeName(wanted: string, taken: Readonly<Record<string, unknown>>): string {
  const base = wanted.replaceAll(/[^\w.:@/-]/g, '-').slice(0, 110) || 'route'
  for (let i = 1; ; i++) {
    const name = i === 1 ? base : `${base}.${i}`
    if (!Object.hasOwn(taken, name)) return name
  }
}

/** Puts routes in one table: weights joined, those that nobody would ever come to left out, and what the other order changes said. */
export function arranged(drafts: readonly Draft[], note: (note: ImportNote) => void): Record<string, WrittenRoute> {
  const earlier: Draft[] = []
  const routes: Record<string, WrittenRoute> = {}
  for (const draft of joined(drafts, note)) {
    const { name, line, route } = draft
    const what = `route "${name}"`
    const first = earlier.find((each) => covers(each.route, route))
    if (first !== undefined) {
      note({
        line,
        is: 'differs',
        what,
        why: `it is not written: route "${first.name}" before it takes all its requests there too`,
      })
      continue
    }
    const why = unreadable(name, route)
    if (why !== undefined) {
      note({ line, is: 'left out', what, why })
      continue
    }
    for (const before of earlier)
      if (overlap(before.route, route) && goesFirst({ ...route, name }, { ...before.route, name: before.name }))
        note({
          line,
          is: 'differs',
          what,
          why: `requests that route "${before.name}" asks for as well go to that one there, which is written first, and to this one here, which asks for more`,
        })
    earlier.push(draft)
    routes[name] = route
  }
  return routes
}

/** Routes of one weight group that ask for the same become one. */
function joined(drafts: readonly Draft[], note: (note: ImportNote) => void): readonly Draft[] {
  const groups = new Map<string, Draft[]>()
  for (const draft of drafts)
    if (draft.weight !== undefined) groups.set(draft.weight.group, [...(groups.get(draft.weight.group) ?? []), draft])
  const key = ({ route: { to: _to, ...rest } }: Draft): string => JSON.stringify(rest)
  return drafts.flatMap((draft) => {
    if (draft.weight === undefined) return [draft]
    const group = groups.get(draft.weight.group)!
    const [first] = group
    const alike = group.every((each) => key(each) === key(first!))
    if (alike && draft !== first) return []
    if (alike) {
      const to = group.map(({ route, weight }) => ({ upstream: route.to as string, weight: weight!.weight }))
      return [{ ...draft, route: { ...draft.route, to } }]
    }
    note({
      ...{ line: draft.line, is: 'left out', what: `route "${draft.name}"` },
      why: `routes of the weight group "${draft.weight.group}" do not ask for the same, or do not do the same; give them one path and one list of filters`,
    })
    return []
  })
}

/** Why the file that is written could not be read for it. */
function unreadable(name: string, route: WrittenRoute): string | undefined {
  try {
    routesReader()(JSON.stringify({ routes: { [name]: route } }), 'it.json')
    return undefined
  } catch (error) {
    return (error as { readonly problems: readonly string[] }).problems[0]?.replace(/^it\.json:\d+: /, '')
  }
}
