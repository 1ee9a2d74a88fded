/** What a route asks of a request, as it is looked up. */
import { BlockList, isIPv6 } from 'node:net'
import { fieldOf, type Head } from '../wire/wire.ts'
import type { RouteOptions } from './options.ts'
import { templateOf, type Template } from './path.ts'

export type Matcher = {
  readonly name: string
  /** In lower case, without a port; `*.example.com` for one label before it, `**.example.com` for any; undefined for any host. */
  readonly host: string | undefined
  readonly template: Template
  /** All paths at it and below it, too. */
  readonly prefix: boolean
  readonly methods: readonly string[] | undefined
  readonly conditions: readonly Condition[]
}

/** Whether a request is one that a route asks for, beyond its host, path and method. */
export type Condition = (head: Head, address: string) => boolean

export function matcherOf(name: string, route: RouteOptions): Matcher {
  const { host, path, prefix, methods } = route
  const template = templateOf(path ?? prefix ?? '/')
  return {
    name,
    host,
    template: typeof template === 'string' ? [] : template,
    prefix: path === undefined,
    methods,
    conditions: conditionsOf(route),
  }
}

function conditionsOf({ headers = {}, query = {}, cookies = {}, addresses }: RouteOptions): readonly Condition[] {
  return [
    ...Object.entries(headers).map(([name, value]): Condition => {
      const lower = name.toLowerCase()
      return (head) => isThere(listed(fieldOf(head, lower)), value)
    }),
    ...Object.entries(query).map(([name, value]): Condition => {
      return ({ target, pathEnd }) => isThere(new URLSearchParams(target.slice(pathEnd)).getAll(name), value)
    }),
    ...Object.entries(cookies).map(([name, value]): Condition => {
      return (head) => isThere(cookiesOf(fieldOf(head, 'cookie', '; '), name), value)
    }),
    ...(addresses === undefined ? [] : [within(addresses)]),
  ]
}

/** What a route asks for, once for each of its methods: two with the same could not both be found. */
export function placesOf(name: string, route: RouteOptions): readonly string[] {
  const { host, template, prefix, methods } = matcherOf(name, route)
  const path = template.map((part) => (typeof part === 'string' ? `/${encodeURIComponent(part)}` : '/{}')).join('')
  const { headers, query, cookies, addresses } = route
  const lower = headers && Object.fromEntries(Object.entries(headers).map(([each, value]) => [each.toLowerCase(), value]))
  const asked = [lower, query, cookies].map((each) =>
    Object.entries(each ?? {}).toSorted(([one], [other]) => (one < other ? -1 : 1)),
  )
  const conditions = JSON.stringify([...asked, addresses?.toSorted() ?? []])
  return (methods ?? ['*']).map((method) => `${method} ${host ?? '*'} ${path}${prefix ? '/**' : ''} ${conditions}`)
}

const isThere = (found: readonly string[], value: string | true): boolean =>
  value === true ? found.length > 0 : found.includes(value)

/** A field whole, and one by one what it lists. Without any value it is not there; quotes may hold commas, and are not looked into. */
function listed(field: string | undefined): readonly string[] {
  if (field === undefined || !/[^\s,"]/.test(field)) return []
  if (!field.includes(',') || field.includes('"')) return [field]
  return [field, ...field.split(',').map((each) => each.trim())]
}

/** What RFC 6265 lets the value of a cookie be. Servers do not agree on anything else. */
const COOKIE = /^("?)([\u0021\u0023-\u002b\u002d-\u003a\u003c-\u005b\u005d-\u007e]*)\1$/

/** Values of all cookies of this name, without quotes around them. */
function cookiesOf(cookies: string | undefined, name: string): readonly string[] {
  if (cookies === undefined) return []
  return cookies.split(';').flatMap((each) => {
    const equals = each.indexOf('=')
    if (equals === -1 || each.slice(0, equals).trimStart() !== name) return []
    return COOKIE.exec(each.slice(equals + 1))?.[2] ?? []
  })
}

const NETWORK = /^([\da-fA-F.:]+)(?:\/(\d{1,3}))?$/

/** Adds `10.0.0.0/8` or one address to a list. @throws {Error} when it is none */
function addNetwork(list: BlockList, text: string): void {
  const [, address = '', length] = NETWORK.exec(text) ?? []
  const family = isIPv6(address) ? 'ipv6' : 'ipv4'
  if (length === undefined) list.addAddress(address, family)
  else list.addSubnet(address, Number(length), family)
}

export function isNetwork(text: unknown): boolean {
  if (typeof text !== 'string') return false
  try {
    addNetwork(new BlockList(), text)
    return true
  } catch {
    return false
  }
}

function within(networks: readonly string[]): Condition {
  const list = new BlockList()
  for (const network of networks) addNetwork(list, network)
  return (_head, address) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
