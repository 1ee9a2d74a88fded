/** Which of two routes takes a request that both ask for: there the first that is written, here the one that asks for most. */
import { templateOf, type RouteOptions } from '../routes/routes.ts'

type Asks = Pick<RouteOptions, 'host' | 'path' | 'prefix' | 'methods' | 'headers' | 'query' | 'cookies' | 'addresses'>

/** Whether some request may be asked for by both. */
export function overlap(one: Asks, other: Asks): boolean {
  const methods =
    one.methods === undefined || other.methods === undefined || one.methods.some((method) => other.methods!.includes(method))
  return methods && hostsOverlap(one.host, other.host) && pathsOverlap(one, other) && conditionsOverlap(one, other)
}

/** Whether the first asks for all that the other asks for. */
export function covers(one: Asks, other: Asks): boolean {
  const methods = one.methods === undefined || other.methods?.every((method) => one.methods!.includes(method)) === true
  const { parts, prefix } = pathOf(one)
  const theirs = pathOf(other)
  const paths =
    parts.every((part, i) => i < theirs.parts.length && (typeof part !== 'string' || part === theirs.parts[i])) &&
    (prefix || (!theirs.prefix && parts.length === theirs.parts.length))
  const host =
    one.host === undefined || one.host === other.host || (other.host !== undefined && matchesHost(one.host, other.host))
  const asked = (['headers', 'query', 'cookies'] as const).every((field) =>
    Object.entries(one[field] ?? {}).every(([name, value]) => {
      const theirs = other[field]?.[name]
      return value === theirs || (value === true && theirs !== undefined)
    }),
  )
  return methods && paths && host && asked && one.addresses === undefined
}

/** Whether a request that both ask for goes to the first here: as routes are looked up. */
export function goesFirst(one: Asks & { readonly name: string }, other: Asks & { readonly name: string }): boolean {
  const byHost = hostRank(other.host) - hostRank(one.host)
  if (byHost !== 0) return byHost < 0
  const [mine, theirs] = [pathOf(one), pathOf(other)]
  for (let i = 0; ; i++) {
    const [a, b] = [rank(mine.parts[i]), rank(theirs.parts[i])]
    if (a !== b) return a > b
    if (a === 0) break
  }
  if (mine.prefix !== theirs.prefix) return !mine.prefix
  const byConditions = askedBy(one) - askedBy(other)
  return byConditions === 0 ? one.name < other.name : byConditions > 0
}

const rank = (part: string | object | undefined): number => (part === undefined ? 0 : typeof part === 'string' ? 2 : 1)

function askedBy({ headers = {}, query = {}, cookies = {}, addresses, methods }: Asks): number {
  const conditions = [headers, query, cookies].reduce(
    (sum, each) => sum + Object.keys(each).length,
    addresses === undefined ? 0 : 1,
  )
  return conditions * 2 + (methods === undefined ? 0 : 1)
}

function pathOf({ path, prefix }: Asks): { readonly parts: readonly (string | object)[]; readonly prefix: boolean } {
  const template = templateOf(path ?? prefix ?? '/')
  return { parts: typeof template === 'string' ? [] : template, prefix: path === undefined }
}

function pathsOverlap(one: Asks, other: Asks): boolean {
  const [a, b] = [pathOf(one), pathOf(other)]
  const both = Math.min(a.parts.length, b.parts.length)
  for (let i = 0; i < both; i++)
    if (typeof a.parts[i] === 'string' && typeof b.parts[i] === 'string' && a.parts[i] !== b.parts[i]) return false
  return (a.prefix || b.parts.length <= a.parts.length) && (b.prefix || a.parts.length <= b.parts.length)
}

function conditionsOverlap(one: Asks, other: Asks): boolean {
  return (['headers', 'cookies'] as const).every((field) =>
    Object.entries(one[field] ?? {}).every(([name, value]) => {
      const theirs = other[field]?.[name]
      return typeof value !== 'string' || typeof theirs !== 'string' || value === theirs
    }),
  )
}

const hostRank = (host: string | undefined): number =>
  host === undefined ? 0 : host.startsWith('**.') ? host.length : host.startsWith('*.') ? 10_000 + host.length : 20_000

function hostsOverlap(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined || one === other) return true
  return matchesHost(one, other) || matchesHost(other, one)
}

/** Whether a host, or all that a pattern stands for, is among those of a pattern. */
function matchesHost(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*')) return pattern === host
  const name = host.replace(/^\*\*?\./, 'a.')
  const rest = pattern.slice(pattern.indexOf('.'))
  if (!name.endsWith(rest)) return false
  if (pattern.startsWith('**.')) return true
  return !host.startsWith('**') && !name.slice(0, -rest.length).includes('.')
}
