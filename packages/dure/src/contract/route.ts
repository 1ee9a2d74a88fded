/** HTTP routes of operations: `'GET /orders/{id}'`. */

export type Route = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `/orders/{id}` */
  readonly path: string
  /** Names in braces, in order. */
  readonly parameters: readonly string[]
  /** The same for all routes that no request could tell apart. */
  readonly identity: string
}

const segment = /^(?:[A-Za-z0-9\-._~]+|\{([A-Za-z_][A-Za-z0-9_]*)\})$/

/** Reads a route, or says what is wrong with it. */
export function routeOf(text: unknown): Route | { readonly problem: string } {
  if (typeof text !== 'string')
    return { problem: `${typeof text === 'object' ? 'an object' : `a ${typeof text}`} instead of a route` }
  const match = /^(GET|POST|PUT|PATCH|DELETE) (\/.*)$/.exec(text)
  if (match === null) return { problem: `"${text}", which is no method and path` }
  const [, method, path] = match as unknown as [string, Route['method'], string]
  const parameters: string[] = []
  for (const part of path === '/' ? [] : path.slice(1).split('/')) {
    const found = segment.exec(part)
    if (found === null) return { problem: `"${text}", whose part "${part}" is neither plain text nor one {parameter}` }
    if (found[1] === undefined) continue
    if (parameters.includes(found[1])) return { problem: `"${text}", which names {${found[1]}} twice` }
    parameters.push(found[1])
  }
  return { method, path, parameters, identity: `${method} ${path.replaceAll(/\{[^}]*\}/g, '{}')}` }
}

/** The routes of an operation of a checked contract. */
export function routesOf(http: { readonly routes: readonly string[] } | undefined): readonly Route[] {
  return (http?.routes ?? []).map(routeOf).filter((route): route is Route => !('problem' in route))
}
