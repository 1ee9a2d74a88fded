import type { Route } from 'dure/contract/internal'

/** Tells a client with a wrong method or path what would have been right. Runs for refused requests only. */
export type Signpost = {
  /** The methods the path is served with; empty when it is not served at all. */
  readonly methods: (path: string) => readonly string[]
  /** A known path that resembles this one, if any does. */
  readonly nearest: (path: string) => string | undefined
}

export function signpost(served: readonly Pick<Route, 'method' | 'path'>[]): Signpost {
  const routes = served.map(({ method, path }) => ({ method, path, segments: path.slice(1).split('/') }))
  const find = (path: string, alike: (segment: string, part: string) => boolean): typeof routes => {
    const parts = path.slice(1).split('/')
    const fits = (segment: string, part: string): boolean => (segment.startsWith('{') ? part !== '' : alike(segment, part))
    return routes.filter(({ segments }) => segments.length === parts.length && segments.every((one, at) => fits(one, parts[at]!)))
  }
  return {
    methods: (path) => [...new Set(find(path, (a, b) => a === b).map(({ method }) => method))].sort(),
    nearest: (path) => find(path, (a, b) => a !== '' && beginning(a) === beginning(b))[0]?.path,
  }
}

/** Who writes `/item/7` or `/Items/7` means `/items/{id}`. */
const beginning = (segment: string): string => segment.slice(0, 3).toLowerCase()
