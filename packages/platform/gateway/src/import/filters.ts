/** What Spring Cloud Gateway's filters do, as filters, guards and options of routes here do it. */
import { argument, listed, strangers, type Definition } from './definitions.ts'

/** A route as a file has it. */
export type WrittenRoute = Record<string, unknown> & { filters?: Record<string, unknown>[]; guard?: Record<string, unknown>[] }

/** What came of a filter: it is there, it is there and not quite the same, or it is not. */
export type Came = { readonly differs?: string; readonly missing?: string }

type About = {
  readonly route: WrittenRoute
  /** Paths and prefixes of the route. */
  readonly paths: readonly string[]
  /** Its name. */
  readonly name: string
}
type Translate = (definition: Definition, about: About) => Came

const DONE: Came = {}
const missing = (why: string): Came => ({ missing: why })
const add = (route: WrittenRoute, filter: Record<string, unknown>): Came => {
  ;(route.filters ??= []).push(filter)
  return DONE
}

const TEMPLATED = /\{[^}]*\}/
/** One of request and answer, one field. */
const header = (side: 'request' | 'answer', make: (value: string) => unknown): Translate => {
  return (definition, { route }) => {
    const [name, value] = [
      argument(definition, 0, 'name'),
      'children' in definition.given ? argument(definition, 1, 'value') : definition.given.slice(1).join(', '),
    ]
    if (name === undefined || value === undefined) return missing('it has no name, or no value')
    if (TEMPLATED.test(value)) return missing('values with parts of the path are not there here')
    return add(route, { headers: { [side]: { [name]: make(value) } } })
  }
}
const removed = (side: 'request' | 'answer'): Translate => {
  return (definition, { route }) => {
    const name = argument(definition, 0, 'name')
    return name === undefined ? missing('it has no name') : add(route, { headers: { [side]: { [name]: false } } })
  }
}

const FILTERS: Readonly<Record<string, Translate>> = {
  StripPrefix: (definition, { route }) => {
    const strip = Number(argument(definition, 0, 'parts') ?? 1)
    if (strip === 0) return DONE
    return add(route, { rewrite: { strip } })
  },
  PrefixPath: (definition, { route }) => add(route, { rewrite: { before: argument(definition, 0, 'prefix') ?? '' } }),
  SetPath: setPath,
  RewritePath: rewritePath,
  AddRequestHeader: header('request', (value) => ({ add: value })),
  SetRequestHeader: header('request', (value) => value),
  AddResponseHeader: header('answer', (value) => ({ add: value })),
  SetResponseHeader: header('answer', (value) => value),
  RemoveRequestHeader: removed('request'),
  RemoveResponseHeader: removed('answer'),
  RedirectTo: (definition, { route }) => {
    const [status, to] = [Number(argument(definition, 0, 'status')), argument(definition, 1, 'url')]
    if (argument(definition, 2, 'includeRequestParams') === 'true')
      return missing('a redirect with the query of the request is not there here')
    return add(route, { redirect: { to, status } })
  },
  RequestSize: (definition, { route }) => {
    const bytes = bytesOf(argument(definition, 0, 'maxSize') ?? '5MB')
    return bytes === undefined ? missing('its size cannot be read') : add(route, { bodyLimit: { bytes } })
  },
  RequestRateLimiter: rateLimiter,
  Retry: retry,
  CircuitBreaker: (definition, { route, name }) => {
    const fallback = argument(definition, 1, 'fallbackUri')
    const more = strangers(definition, ['name', 'fallbackUri'])
    ;(route.guard ??= []).push({ breaker: {} })
    const without = [...(fallback === undefined ? [] : [`its fallback "${fallback}"`]), ...more]
    return {
      differs: `it opens by this gateway's defaults (guide: gateway)${without.length === 0 ? '' : `, and without ${without.join(', ')}`}; its settings in Resilience4j are not read (route "${name}")`,
    }
  },
  PreserveHostHeader: () => DONE,
}

/** Adds what a filter does to a route. */
export function translate(definition: Definition, about: About): Came {
  const { name } = definition
  return Object.hasOwn(FILTERS, name) ? FILTERS[name]!(definition, about) : missing('there is no such filter here')
}

const PARAMETERS = /\{([^}]*)\}/g
const parametersOf = (path: string): readonly string[] => [...path.matchAll(PARAMETERS)].map(([, name]) => name!)

function setPath(definition: Definition, { route, paths }: About): Came {
  const path = argument(definition, 0, 'template') ?? ''
  const put = parametersOf(path)
  const unknown = put.find((name) => !paths.every((each) => parametersOf(each).includes(name)))
  if (unknown !== undefined) return missing(`"{${unknown}}" is no parameter of the path of this route`)
  add(route, { rewrite: { path } })
  if (put.length === 0) return DONE
  return { differs: 'a plus, a semicolon or a slash in what is put in is encoded (%2B, %3B, %2F); there it stands as it is' }
}

/** What the path begins with, a slash, the group, a slash in it, whether it may be empty. */
const BEGINS = /^((?:[\w.~@:%/-]|\\[.-])*?)(\/\??)?\((?:\?<(\w+)>)?(\/\??)?\.([*+])\)$/
const REPLACED = /^([\w.~@:%/-]*?)(\/?)\$(?:\{(\w+)\}|(1))$/

/** `/red/?(?<segment>.*), /$\{segment}`: what a path begins with, taken away or replaced. */
function rewritePath(definition: Definition, { route, paths }: About): Came {
  const pattern = argument(definition, 0, 'regexp') ?? ''
  const given = 'children' in definition.given ? argument(definition, 1, 'replacement') : definition.given.slice(1).join(',')
  // A dollar is written so that Spring takes it for none of its own.
  const replacement = (given ?? '').replaceAll('$\\', '$')
  const [, begin, outside = '', group, inside = '', count] = BEGINS.exec(pattern.replace(/^\^/, '').replace(/\$$/, '')) ?? []
  if (begin === undefined || (outside !== '' && inside !== ''))
    return missing(`"${pattern}" is a regular expression that is not "what the path begins with, and the rest"`)
  const without = begin.replaceAll(/\\(.)/g, '$1').replace(/\/$/, '')
  const [, before, slash, name, first] = REPLACED.exec(replacement) ?? []
  if (before === undefined || !(first === '1' || name === group))
    return missing(`its replacement "${replacement}" is not "something before the rest"`)
  // The rest has a slash before it, or it was taken away and is put in again.
  if ((outside === '') !== (slash === '')) return missing(`with "${replacement}" there are two slashes before the rest, or none`)
  if (!paths.every((path) => without === '' || path === without || path.startsWith(`${without}/`)))
    return missing(`"${pattern}" may be in the middle of a path of this route`)
  const optional = outside !== '/' && inside !== '/' && count === '*'
  if (without === '' && optional && !pattern.startsWith('^'))
    return missing(`"${pattern}" is found twice in a path, the second time at its end; begin it with "^"`)
  if (without !== '' || before !== '')
    add(route, { rewrite: { ...(without !== '' && { without }), ...(before !== '' && { before: `${before}${slash}` }) } })
  const alone = without === '' ? count === '+' && paths.includes('/') : !optional && paths.includes(without)
  return alone ? { differs: `"${without}/" with nothing behind it, or without its slash, may stay as it is there` } : DONE
}

function rateLimiter(definition: Definition, { route }: About): Came {
  const [rate, burst, tokens] = ['replenishRate', 'burstCapacity', 'requestedTokens'].map((name) =>
    argument(definition, -1, `redis-rate-limiter.${name}`),
  )
  if (rate === undefined) return missing('only limits of redis-rate-limiter are understood')
  if (tokens !== undefined && tokens !== '1') return missing(`${tokens} tokens a request are not there here`)
  add(route, { requestLimit: { rate: Number(rate), per: 1_000, ...(burst !== undefined && { burst: Number(burst) }) } })
  const resolver = argument(definition, -1, 'key-resolver')
  const whom = resolver === undefined ? 'by principal' : `by ${resolver}`
  return {
    differs: `requests were counted ${whom} in Redis; here by consumer, or else by address, in each gateway: say it with "by", and see the guide of gateways`,
  }
}

function retry(definition: Definition, { route }: About): Came {
  const retries = Number(argument(definition, 0, 'retries') ?? 3)
  const methods = 'children' in definition.given ? listed(definition, 'methods') : (definition.given[2]?.split(/[\s,]+/) ?? [])
  route['attempts'] = Math.min(10, Math.max(1, retries + 1))
  const more = methods.some((method) => method === 'POST' || method === 'PATCH')
  if (more) route['idempotent'] = true
  const others = strangers(definition, ['retries', 'methods'])
  const which = more ? 'all methods' : 'methods that are idempotent'
  return {
    differs: `sent again are ${which}, when no answer came or 502, 503 or 504, within a budget, at once and elsewhere${others.length === 0 ? '' : `; ${others.join(', ')} are not read`}`,
  }
}

/** `5MB`, `1024`. */
export function bytesOf(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d+)\s*(B|KB|MB|GB)?$/i.exec(text.trim()) ?? []
  const factor = { '': 1, B: 1, KB: 1_024, MB: 1_048_576, GB: 1_073_741_824 }[unit.toUpperCase()]
  return number === undefined || factor === undefined ? undefined : Number(number) * factor
}
