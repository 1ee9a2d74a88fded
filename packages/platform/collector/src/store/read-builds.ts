/** Spans by the build that made them: which builds there are, and what two of them did. */
import type { Edge } from './read-traces.ts'
import type { ReadSegment, ReadSegments } from './read-segments.ts'

export type Build = {
  /** As `service.version` says it. */
  readonly version: string
  readonly services: readonly string[]
  /** When a span of it began, first and last: milliseconds since the epoch. */
  readonly first: number
  readonly last: number
  readonly spans: number
}

/** What one operation did in one build. Durations are milliseconds; undefined where it has no span. */
export type BuildCount = {
  readonly spans: number
  readonly failed: number
  readonly p50: number | undefined
  readonly p99: number | undefined
}

export type BuildOperation = { readonly service: string; readonly name: string } & Sides<BuildCount>
export type BuildEdge = Pick<Edge, 'from' | 'to' | 'by'> & Sides<number>
type Sides<T> = { readonly before: T; readonly after: T }

/** Spans that are looked at, newest first. */
const MOST = 200_000

/** The latest first. Spans that say nothing of a build are in none. */
export function readBuilds(segments: ReadSegments): readonly Build[] {
  const all = new Map<string, { services: Set<string>; first: number; last: number; spans: number }>()
  let left = MOST
  for (const segment of segments.each()) {
    if (left <= 0) break
    const rows = segment.all<{ version: string; service: string; first: number; last: number; spans: number }>(
      `SELECT json ->> '$."service.version"' AS version, service, min(start) AS first, max(start) AS last, count(*) AS spans
       FROM (SELECT service, start, resource FROM spans ORDER BY id DESC LIMIT ?) AS some JOIN resources ON resources.id = some.resource
       GROUP BY 1, 2`,
      left,
    )
    for (const { version, service, first, last, spans } of rows) {
      left -= spans
      if (version === null) continue
      const before = all.get(version) ?? { services: new Set(), first, last, spans: 0 }
      before.services.add(service)
      all.set(version, {
        services: before.services,
        first: Math.min(before.first, first),
        last: Math.max(before.last, last),
        spans: before.spans + spans,
      })
    }
  }
  return [...all]
    .map(([version, { services, first, last, spans }]) => ({
      ...{ version, services: [...services].toSorted(), first: first / 1_000, last: last / 1_000, spans },
    }))
    .toSorted((a, b) => b.last - a.last)
}

export type BuildsAsked = { readonly before: string; readonly after: string }

/** What each operation did in both, and who led to work of whom. What only one build did has no spans in the other. */
export function compareBuilds(
  segments: ReadSegments,
  asked: BuildsAsked,
): { readonly operations: readonly BuildOperation[]; readonly edges: readonly BuildEdge[] } {
  const operations = new Map<string, Record<keyof BuildsAsked, { durations: number[]; failed: number }>>()
  const edges = new Map<string, { before: number; after: number }>()
  for (const side of ['before', 'after'] as const) {
    let left = MOST
    for (const segment of segments.each()) {
      const ids = resourcesOf(segment, asked[side])
      if (ids.length === 0) continue
      if (left <= 0) break
      left -= countOperations(segment, { ids, side, operations, left })
      countEdges(segment, { ids, side, edges })
    }
  }
  return {
    operations: [...operations].map(([key, { before, after }]) => {
      const [service, name] = JSON.parse(key) as [string, string]
      return { service, name, before: counted(before), after: counted(after) }
    }),
    edges: [...edges].map(([key, times]) => {
      const [from, to, by] = JSON.parse(key) as [string, string, Edge['by']]
      return { from, to, by, ...times }
    }),
  }
}

const resourcesOf = (segment: ReadSegment, version: string): readonly number[] =>
  segment.all<{ id: number }>(`SELECT id FROM resources WHERE json ->> '$."service.version"' = ?`, version).map(({ id }) => id)

function countOperations(
  segment: ReadSegment,
  options: {
    readonly ids: readonly number[]
    readonly side: keyof BuildsAsked
    readonly operations: Map<string, Record<keyof BuildsAsked, { durations: number[]; failed: number }>>
    readonly left: number
  },
): number {
  const { ids, side, operations, left } = options
  const rows = segment.all<{ service: string; name: string; duration: number; failed: number }>(
    `SELECT service, name, duration, failed FROM spans WHERE resource IN (SELECT value FROM json_each(?)) ORDER BY id DESC LIMIT ?`,
    ...[JSON.stringify(ids), left],
  )
  for (const { service, name, duration, failed } of rows) {
    const key = JSON.stringify([service, name])
    let found = operations.get(key)
    if (found === undefined)
      operations.set(key, (found = { before: { durations: [], failed: 0 }, after: { durations: [], failed: 0 } }))
    found[side].durations.push(duration / 1_000)
    found[side].failed += failed
  }
  return rows.length
}

/** Of the build is an edge whose one end or other is of it: what calls anew, or is newly called. */
function countEdges(
  segment: ReadSegment,
  options: {
    readonly ids: readonly number[]
    readonly side: keyof BuildsAsked
    readonly edges: Map<string, { before: number; after: number }>
  },
): void {
  const { ids, side, edges } = options
  const rows = segment.all<{ a: string; b: string; kind: string; times: number }>(
    `WITH some AS (SELECT trace, span, parent, service, kind, resource FROM spans ORDER BY id DESC LIMIT ?),
       own AS (SELECT value FROM json_each(?))
     SELECT parents.service AS a, some.service AS b, some.kind AS kind, count(*) AS times
     FROM some CROSS JOIN spans AS parents ON parents.trace = some.trace AND parents.span = some.parent AND parents.service <> some.service
     WHERE some.resource IN own OR parents.resource IN own GROUP BY 1, 2, 3`,
    ...[MOST, JSON.stringify(ids)],
  )
  for (const { a, b, kind, times } of rows) {
    const key = JSON.stringify([a, b, kind === 'consumer' ? 'message' : 'call'])
    const found = edges.get(key) ?? { before: 0, after: 0 }
    found[side] += times
    edges.set(key, found)
  }
}

function counted({ durations, failed }: { readonly durations: readonly number[]; readonly failed: number }): BuildCount {
  const sorted = durations.toSorted((a, b) => a - b)
  const at = (share: number): number | undefined => sorted[Math.ceil(sorted.length * share) - 1]
  return { spans: sorted.length, failed, p50: at(0.5), p99: at(0.99) }
}
