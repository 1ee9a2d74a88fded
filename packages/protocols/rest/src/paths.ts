import type { Route } from 'dure/contract/internal'

/** Tells a client with a wrong method or path what would have been right. Runs for refused requests only. */
export type Signpost = {
  /** The methods the path is served with; empty when it is not served at all. */
  readonly methods: (path: string) => readonly string[]
  /** The known path most like this one, if any is. */
  readonly nearest: (path: string) => string | undefined
}

export function signpost(served: readonly Pick<Route, 'method' | 'path'>[]): Signpost {
  const routes = served.map(({ method, path }) => ({ method, path, segments: path.slice(1).split('/') }))
  const fits = (segments: readonly string[], path: readonly string[]): boolean =>
    segments.length === path.length &&
    segments.every((segment, i) => (segment.startsWith('{') ? path[i] !== '' : segment === path[i]))
  return {
    methods: (path) => {
      const parts = path.slice(1).split('/')
      return [...new Set(routes.filter(({ segments }) => fits(segments, parts)).map(({ method }) => method))].sort()
    },
    nearest: (path) => {
      if (path.length > 200) return undefined
      const parts = path.slice(1).split('/').filter(Boolean).slice(0, 12)
      let best: string | undefined
      let least = Infinity
      for (const { path: template, segments } of routes) {
        const cost = difference(segments, parts)
        if (cost < least) {
          least = cost
          best = template
        }
      }
      return least <= 3 ? best : undefined
    },
  }
}

/** Letters to change, segment by segment; a missing or extra segment costs two. */
function difference(segments: readonly string[], parts: readonly string[]): number {
  const shared = Math.min(segments.length, parts.length)
  let cost = 2 * (Math.max(segments.length, parts.length) - shared)
  for (let i = 0; i < shared; i++) {
    if (!segments[i]!.startsWith('{')) cost += editDistance(segments[i]!, parts[i]!)
    if (cost > 3) return cost
  }
  return cost
}

function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3 || a.length > 64) return 4
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
