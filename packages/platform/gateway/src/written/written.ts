/** Routes as files have them: read whole, or refused whole, saying what is wrong in which line. */
import { createHash } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { lineAt, readDocuments, type Located } from 'dure/config/parse'
import { compose, type Guard } from 'dure/resilience'
import { SystemError } from 'dure/contract/internal'
import type { Filter } from '../filter.ts'
import type { Elsewhere } from '../login-by-name.ts'
import { checkOf, firstOf, type GatewayConfiguration } from '../routes/routes.ts'
import { filterOf, guardPart, stampOf } from '../by-name.ts'

/** Reads a file of routes. @throws {SystemError} naming all that is wrong, each with its line, its place and what to do */
export type ReadRoutes = (text: string, file: string) => GatewayConfiguration

/** What knows of what a file names and does not hold. */
export type RoutesReaderOptions = Elsewhere

type Wrong = { readonly at: readonly string[]; readonly why: string }
type Made = { readonly key: string; readonly value: Filter | Guard }

/**
 * Makes what reads files of routes, YAML or (by their name) JSON: the same fields as in TypeScript, with filters and guards by their
 * names. A filter or guard that a file had before, at the same place with the same options, is the same one, and so goes on with what it
 * counts.
 *
 * @example
 * ```ts
 * import { routesReader } from '@dure/gateway'
 *
 * const read = routesReader()
 * const { routes } = read(
 *   `
 * routes:
 *   orders:
 *     prefix: /api/orders
 *     to: orders
 *     timeout: 2000
 *     filters:
 *       - rewrite: { without: /api }
 *     guard:
 *       breaker: { minimumCalls: 10 }
 * `,
 *   'gateway.yaml',
 * )
 * console.log(routes['orders']?.filters?.[0]?.name) // → rewrite
 * try {
 *   read('routes:\n  orders:\n    prefix: orders\n    to: orders\n', 'gateway.yaml')
 * } catch (error) {
 *   console.log((error as Error).message)
 * }
 * // → Cannot use "gateway.yaml": gateway.yaml:3: routes.orders.prefix: its prefix "orders" does not begin with "/"
 * ```
 */
export function routesReader(elsewhere: RoutesReaderOptions = {}): ReadRoutes {
  let before: ReadonlyMap<string, Made['value']> = new Map()
  return (text, file) => {
    const kind = file.endsWith('.json') ? 'json' : 'yaml'
    const { documents, faults } = readDocuments(text, { kind })
    if (faults.length > 0) refuse(file, faults)
    const [root] = documents
    if (root === undefined || documents.length > 1)
      return refuse(file, [
        { line: documents[1]?.line ?? 1, why: `it has ${documents.length} documents; give one, with "routes"` },
      ])
    const wrong: Wrong[] = []
    const made = new Map<string, Made['value']>()
    const keep = <T extends Filter | Guard>(key: string, make: () => T): T => {
      const value = (before.get(key) as T | undefined) ?? make()
      made.set(key, value)
      return value
    }
    const configuration = configurationOf(root, { file, wrong, keep, elsewhere })
    const { problems } = checkOf(configuration)
    wrong.push(...problems)
    if (wrong.length > 0)
      refuse(
        file,
        wrong.map(({ at, why }) => ({ line: lineAt(root, at), why: at.length === 0 ? why : `${at.join('.')}: ${why}` })),
      )
    before = made
    return { ...configuration, version: configuration.version ?? hashOf(root.value) }
  }
}

/** @throws {SystemError} */
export function refuse(file: string, faults: readonly { readonly line: number; readonly why: string }[]): never {
  const sorted = faults.toSorted((one, other) => one.line - other.line)
  throw new SystemError(`Cannot use "${file}"`, firstOf(sorted.map(({ line, why }) => `${file}:${line}: ${why}`)))
}

type Reading = {
  readonly file: string
  readonly wrong: Wrong[]
  readonly elsewhere: Elsewhere
  readonly keep: <T extends Filter | Guard>(key: string, make: () => T) => T
}

/** What the file says, with its filters and guards made. What is wrong of them is noted, and the rest left for the check of all. */
function configurationOf({ value }: Located, reading: Reading): GatewayConfiguration {
  if (!isObject(value)) return value as GatewayConfiguration
  const { routes, filters, upstreams, tls } = value as { readonly [part in 'routes' | 'filters' | 'upstreams' | 'tls']?: unknown }
  return {
    ...value,
    ...(filters !== undefined && { filters: filtersOf(filters, ['filters'], reading) }),
    ...(tls !== undefined && { tls: certificatesOf(tls, reading.file) }),
    ...(isObject(upstreams) && {
      upstreams: Object.fromEntries(Object.entries(upstreams).map(([name, each]) => [name, upstreamOf(each, reading.file)])),
    }),
    ...(isObject(routes) && {
      routes: Object.fromEntries(
        Object.entries(routes).map(([name, route]) => [name, isObject(route) ? routeOf(name, route, reading) : (route as never)]),
      ),
    }),
  } as GatewayConfiguration
}

/** Files are named from where the file of routes is. */
function upstreamOf(upstream: unknown, file: string): unknown {
  if (!isObject(upstream) || !('tls' in upstream)) return upstream
  return { ...upstream, tls: withFiles(upstream.tls, ['caFile'], file) }
}

function certificatesOf(tls: unknown, file: string): unknown {
  const { certificates } = (tls ?? {}) as { readonly certificates?: unknown }
  if (!Array.isArray(certificates)) return tls
  return { ...(tls as object), certificates: certificates.map((each) => withFiles(each, ['certificateFile', 'keyFile'], file)) }
}

function withFiles(value: unknown, names: readonly string[], file: string): unknown {
  if (!isObject(value)) return value
  const found = names.flatMap((name) => {
    const given = (value as Readonly<Record<string, unknown>>)[name]
    return typeof given === 'string' ? [[name, resolve(dirname(file), given)] as const] : []
  })
  return { ...value, ...Object.fromEntries(found) }
}

function routeOf(name: string, route: object, reading: Reading): object {
  const { filters, guard } = route as { readonly filters?: unknown; readonly guard?: unknown }
  return {
    ...route,
    ...(filters !== undefined && { filters: filtersOf(filters, ['routes', name, 'filters'], reading) }),
    ...(guard !== undefined && { guard: guardOf(guard, ['routes', name, 'guard'], reading) }),
  }
}

/** A list of names, or of `{ name: options }`. */
function filtersOf(given: unknown, at: readonly string[], { file, wrong, keep, elsewhere }: Reading): unknown {
  if (!Array.isArray(given)) return given
  return given.flatMap((each: unknown, i) => {
    const here = [...at, String(i)]
    const named = namedOf(each)
    if (named === undefined) {
      wrong.push({ at: here, why: 'it is no filter; give its name with its options, "rewrite: { strip: 1 }"' })
      return []
    }
    const [name, options] = named
    const about = { ...elsewhere, file, name: at[1] ?? 'all' }
    return tried({ at: [...here, name], wrong }, () =>
      keep(keyOf(at, i, [each, stampOf(name, options, about)]), () => filterOf(name, options, about)),
    )
  })
}

/** One of `{ name: options }`, or a list of them, the first outermost. */
function guardOf(given: unknown, at: readonly string[], { file, wrong, keep }: Reading): Guard | undefined {
  const name = at[1]!
  const listed = Array.isArray(given)
  const parts = (
    listed
      ? (given as readonly unknown[])
      : isObject(given)
        ? Object.entries(given).map(([key, value]) => ({ [key]: value }))
        : [given]
  ).map((each) => namedOf(each))
  if (parts.some((each) => each === undefined)) {
    wrong.push({ at, why: 'it is no guard; give its name with its options, "breaker: { minimumCalls: 10 }", or a list of them' })
    return undefined
  }
  return tried({ at, wrong }, () =>
    keep(keyOf(at, 0, given), () => compose(...parts.map((each) => guardPart(each![0], each![1], { file, name })))),
  )[0]
}

const keyOf = (at: readonly string[], i: number, given: unknown): string => JSON.stringify([at, i, given])

function tried<T>({ at, wrong }: { readonly at: readonly string[]; readonly wrong: Wrong[] }, make: () => T): readonly T[] {
  try {
    return [make()]
  } catch (error) {
    wrong.push({ at, why: (error as Error).message })
    return []
  }
}

function namedOf(value: unknown): readonly [name: string, options: unknown] | undefined {
  if (typeof value === 'string') return [value, undefined]
  const entries = isObject(value) ? Object.entries(value) : []
  return entries.length === 1 ? entries[0]! : undefined
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The same for the same routes, however the file is laid out. */
export function hashOf(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(value)))
    .digest('hex')
    .slice(0, 12)
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  )
}
