/** What Spring Cloud Gateway's predicates ask for, as routes here ask for it. */
import { templateOf, type RouteOptions } from '../routes/routes.ts'
import { argument, listed, type Definition } from './definitions.ts'

/** What is asked for: several paths and hosts make several routes. */
export type Asked = {
  readonly paths: Pick<RouteOptions, 'path' | 'prefix'>[]
  readonly hosts: string[]
  methods: string[] | undefined
  readonly headers: Record<string, string | true>
  readonly query: Record<string, string | true>
  readonly cookies: Record<string, string | true>
  readonly addresses: string[]
  weight: { readonly group: string; readonly weight: number } | undefined
  /** Its time is over. */
  never: boolean
}

export const nothingAsked = (): Asked => ({
  ...{
    paths: [],
    hosts: [],
    methods: undefined,
    headers: {},
    query: {},
    cookies: {},
    addresses: [],
    weight: undefined,
    never: false,
  },
})

/** Adds what a predicate asks for. A text: why it cannot be said here. */
export function ask(definition: Definition, asked: Asked, now: number): string | undefined {
  const { name } = definition
  switch (name) {
    case 'Path':
      return each(listed(definition, 'patterns', 'pattern'), (pattern) => {
        const found = pathOf(pattern)
        return typeof found === 'string' ? found : void asked.paths.push(found)
      })
    case 'Host':
      return each(listed(definition, 'patterns', 'pattern'), (pattern) => {
        const found = hostsOf(pattern)
        return found === undefined
          ? `the host "${pattern}" is more than one name, "*." or "**." before one`
          : void asked.hosts.push(...found)
      })
    case 'Method':
      asked.methods = listed(definition, 'methods', 'method').map((method) => method.toUpperCase())
      return undefined
    case 'Header':
      return valueOf(definition, 'header', asked.headers)
    case 'Query':
      return valueOf(definition, 'param', asked.query)
    case 'Cookie':
      return valueOf(definition, 'name', asked.cookies)
    case 'RemoteAddr':
      asked.addresses.push(...listed(definition, 'sources'))
      return undefined
    case 'Weight':
      asked.weight = { group: argument(definition, 0, 'group') ?? '', weight: Number(argument(definition, 1, 'weight')) }
      return undefined
    case 'After':
    case 'Before':
    case 'Between':
      return timeOf(definition, asked, now)
    default:
      return `there is no such predicate here`
  }
}

function each<T>(values: readonly T[], add: (value: T) => string | undefined | void): string | undefined {
  for (const value of values) {
    const why = add(value)
    if (typeof why === 'string') return why
  }
  return values.length === 0 ? 'it has no value' : undefined
}

/** `/a/{b}/**`. */
export function pathOf(pattern: string): Pick<RouteOptions, 'path' | 'prefix'> | string {
  const rest = /^(.*?)\/(?:\*\*|\{\*[\w-]+\})$/.exec(pattern)?.[1]
  let stars = 0
  const path = (rest ?? pattern).replaceAll(/(?<=\/)\*(?=\/|$)/g, () => `{any${++stars}}`)
  const wild = /[*?]|\{[^}]*:/.exec(path.replaceAll(/\{any\d+\}/g, ''))
  const template = wild === null ? templateOf(path === '' ? '/' : path) : `"${pattern}" has a pattern within a segment`
  if (typeof template === 'string') return template
  return rest === undefined ? { path: path === '' ? '/' : path } : { prefix: path === '' ? '/' : path }
}

/** `**.a` is `a` as well there. */
function hostsOf(pattern: string): readonly string[] | undefined {
  const host = pattern.toLowerCase().replace(/^\{[\w-]+\}\./, '*.')
  const [, wild, name] = /^(\*\*\.|\*\.)?([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)$/.exec(host) ?? []
  if (name === undefined) return undefined
  return wild === '**.' ? [host, name] : [host]
}

function valueOf(definition: Definition, key: string, into: Record<string, string | true>): string | undefined {
  const name = argument(definition, 0, key)
  if (name === undefined) return 'it has no name'
  const pattern = argument(definition, 1, 'regexp')
  const value = pattern === undefined ? true : literalOf(pattern)
  if (value === undefined) return `"${pattern}" is a regular expression; give one value, or any`
  into[name] = value
  return undefined
}

/** What a regular expression stands for, when it is one text or any. */
export function literalOf(pattern: string): string | true | undefined {
  if (/^\^?\.[*+]\$?$/.test(pattern)) return true
  const inner = pattern.replace(/^\^/, '').replace(/\$$/, '')
  return /^(?:[^\\^$.|?*+()[\]{}]|\\[^\w\s])*$/.test(inner) ? inner.replaceAll(/\\(.)/g, '$1') : undefined
}

/** Times decide now, once for all: a route here is there or is not. */
function timeOf(definition: Definition, asked: Asked, now: number): string | undefined {
  const { name } = definition
  const texts =
    name === 'Between'
      ? [argument(definition, 0, 'datetime1'), argument(definition, 1, 'datetime2')]
      : [argument(definition, 0, 'datetime')]
  const times = texts.map((text) => Date.parse((text ?? '').replace(/\[.*\]$/, '')))
  if (times.some((time) => Number.isNaN(time))) return 'its time cannot be read'
  const [from, to] = name === 'Before' ? [-Infinity, times[0]!] : [times[0]!, times[1] ?? Infinity]
  if (to <= now) asked.never = true
  else if (from > now || to !== Infinity) return 'routes here know no times: add the route when its time comes'
  return undefined
}
