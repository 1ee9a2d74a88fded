/** What Spring Cloud Gateway's predicates ask for, as routes here ask for it. */
import { templateOf, type RouteOptions } from '../routes/routes.ts'
import { argument, listed, strangers, type Definition } from './definitions.ts'

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

/** Arguments that are understood; a route that asks for more there would take too much here. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  Path: ['patterns', 'pattern', 'matchTrailingSlash'],
  Host: ['patterns', 'pattern'],
  Method: ['methods', 'method'],
  Header: ['header', 'regexp'],
  Query: ['param', 'regexp'],
  Cookie: ['name', 'regexp'],
  RemoteAddr: ['sources'],
  Weight: ['group', 'weight'],
  After: ['datetime'],
  Before: ['datetime'],
  Between: ['datetime1', 'datetime2'],
}

/** All of these must hold there, and one list of them is what a route has here. */
const ONCE = new Set(['Path', 'Host', 'Method', 'RemoteAddr', 'Weight'])

/** Adds what all predicates of a route ask for. A text: why it cannot be said here, exactly as it is there. */
export function askAll(definitions: readonly (Definition | undefined)[], asked: Asked, now: number): string | undefined {
  const seen = new Set<string>()
  for (const definition of definitions) {
    if (definition === undefined) return 'one of its predicates cannot be read'
    const { name, text } = definition
    const known = Object.hasOwn(ARGUMENTS, name) ? ARGUMENTS[name]! : undefined
    const [stranger] = strangers(definition, known ?? [])
    const why =
      known === undefined
        ? 'there is no such predicate here'
        : stranger !== undefined
          ? `its argument "${stranger}" is not understood`
          : ONCE.has(name) && seen.has(name)
            ? `there are several predicates ${name}, and all of them must hold there; give one`
            : ask(definition, asked, now)
    if (why !== undefined) return `its predicate ${text}: ${why}`
    seen.add(name)
  }
  return undefined
}

function ask(definition: Definition, asked: Asked, now: number): string | undefined {
  switch (definition.name) {
    case 'Path':
      if (argument(definition, -1, 'matchTrailingSlash')?.toLowerCase() === 'false')
        return 'routes here take a slash at the end of a path as well'
      return each(definition, ['patterns', 'pattern'], (pattern) => {
        const found = pathOf(pattern)
        return typeof found === 'string' ? found : void asked.paths.push(found)
      })
    case 'Host':
      return each(definition, ['patterns', 'pattern'], (pattern) => {
        const found = hostsOf(pattern)
        return found === undefined
          ? `the host "${pattern}" is more than one name, "*." or "**." before one`
          : void asked.hosts.push(...found)
      })
    case 'Method':
      asked.methods = []
      return each(definition, ['methods', 'method'], (method) =>
        method === method.toUpperCase()
          ? void asked.methods!.push(method)
          : `"${method}" is another method than "${method.toUpperCase()}" there`,
      )
    case 'Header':
      return valueOf(definition, 'header', asked.headers)
    case 'Query':
      return valueOf(definition, 'param', asked.query)
    case 'Cookie':
      return valueOf(definition, 'name', asked.cookies)
    case 'RemoteAddr':
      return each(definition, ['sources'], (source) => void asked.addresses.push(source))
    case 'Weight':
      asked.weight = { group: argument(definition, 0, 'group') ?? '', weight: Number(argument(definition, 1, 'weight')) }
      return undefined
    default:
      return timeOf(definition, asked, now)
  }
}

function each(
  definition: Definition,
  names: readonly string[],
  add: (value: string) => string | undefined | void,
): string | undefined {
  const joined = whole(definition).find((text) => text.includes(','))
  if (joined !== undefined) return `"${joined}" is one value there, with a comma in it; give a list`
  const values = listed(definition, ...names)
  for (const value of values) {
    const why = add(value)
    if (typeof why === 'string') return why
  }
  return values.length === 0 ? 'it has no value' : undefined
}

/** Arguments with names, which are not taken apart there, unlike those of the short way to write a predicate. */
function whole({ given }: Definition): readonly string[] {
  if (!('children' in given)) return []
  return [...given.children.values()]
    .flatMap(({ text, children }) => [text, ...[...children.values()].map((one) => one.text)])
    .filter((text) => text !== undefined)
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
  if (value === true && pattern !== undefined && key === 'param')
    return `"${pattern}" does not take "?${name}" there, which has no value; leave it out to ask for any`
  if (key === 'header' && value !== true && /[,"]/.test(value))
    return `"${value}" is none of several values, which a header lists there`
  const same = (each: string): string => (key === 'header' ? each.toLowerCase() : each)
  if (name === '__proto__' || Object.keys(into).some((each) => same(each) === same(name)))
    return `routes here ask once for "${name}"`
  into[name] = value
  return undefined
}

/** What a regular expression stands for, when it is one text or any. `.+` is neither: it takes no empty text. */
export function literalOf(pattern: string): string | true | undefined {
  if (/^\^?\.\*\$?$/.test(pattern)) return true
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
