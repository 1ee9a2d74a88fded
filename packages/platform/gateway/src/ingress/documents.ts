/** Kubernetes' documents, as far as routes are made of them. Nobody has checked them before. */
import { isIPv6 } from 'node:net'

export type Json = Readonly<Record<string, unknown>>

/** `{ a: { b } }` by `a`, `b`; undefined where there is nothing. */
export function at(value: unknown, ...keys: readonly string[]): unknown {
  let found = value
  for (const key of keys) found = isObject(found) ? found[key] : undefined
  return found
}

export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
export const listAt = (value: unknown, ...keys: readonly string[]): readonly unknown[] => {
  const found = at(value, ...keys)
  return Array.isArray(found) ? (found as readonly unknown[]) : []
}
export const textAt = (value: unknown, ...keys: readonly string[]): string | undefined => {
  const found = at(value, ...keys)
  return typeof found === 'string' && found !== '' ? found : undefined
}

/** `kind: List` has others inside. */
export function flattened(documents: Iterable<unknown>): readonly Json[] {
  return [...documents].flatMap((each) => {
    if (!isObject(each)) return []
    return textAt(each, 'kind')?.endsWith('List') === true ? flattened(listAt(each, 'items')) : [each]
  })
}

export const namespaceOf = (object: Json): string => textAt(object, 'metadata', 'namespace') ?? 'default'
export const nameOf = (object: Json): string => textAt(object, 'metadata', 'name') ?? '?'

/** Those of a kind by `namespace/name`. */
export function byName(objects: readonly Json[], kind: 'Service' | 'Secret'): ReadonlyMap<string, Json> {
  const ofKind = objects.filter((each) => each['kind'] === kind)
  return new Map(ofKind.map((each) => [`${namespaceOf(each)}/${nameOf(each)}`, each]))
}

/** Addresses behind a port of a Service, as EndpointSlices among the documents say; undefined: none speaks of it. */
export function addressesIn(objects: readonly Json[], service: string, port: string | undefined): readonly string[] | undefined {
  const slices = objects.filter(
    (each) =>
      each['kind'] === 'EndpointSlice' &&
      `${namespaceOf(each)}/${textAt(each, 'metadata', 'labels', 'kubernetes.io/service-name') ?? ''}` === service,
  )
  if (slices.length === 0) return undefined
  const found = slices.flatMap((slice) => {
    const ports = listAt(slice, 'ports').flatMap((each) => {
      const number = at(each, 'port')
      return (textAt(each, 'name') ?? '') === (port ?? '') && typeof number === 'number' ? [number] : []
    })
    return listAt(slice, 'endpoints').flatMap((endpoint) => {
      if (at(endpoint, 'conditions', 'ready') === false) return []
      const [address] = listAt(endpoint, 'addresses')
      return typeof address === 'string' ? ports.map((number) => addressText(address, number)) : []
    })
  })
  return [...new Set(found)]
}

export const addressText = (host: string, port: number): string => `${isIPv6(host) ? `[${host}]` : host}:${port}`
