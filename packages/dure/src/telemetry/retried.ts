import type { Span } from './span.ts'

/**
 * Of one trace's spans, those that failed where a later try of the same work went well, and what failed inside such a try.
 * Two calls of one handler are no tries of each other: only the same message in the same group is, and what one call
 * asked of several copies.
 */
export function retriedSpans(spans: readonly Span[]): ReadonlySet<Span> {
  const byId = new Map(spans.map((span) => [span.spanId, span]))
  const wentWell = new Map<string, number>()
  for (const span of spans) {
    const work = span.status === 'error' ? undefined : workOf(span, byId)
    if (work !== undefined) wentWell.set(work, Math.max(span.start, wentWell.get(work) ?? span.start))
  }
  const later = (span: Span): boolean => (wentWell.get(workOf(span, byId) ?? '') ?? -Infinity) > span.start
  const tries = new Set(spans.filter((span) => span.status === 'error' && later(span)))
  return tries.size === 0 ? tries : new Set(spans.filter((span) => span.status === 'error' && isWithin(span, tries, byId)))
}

/** What its tries have in common; undefined for what is not tried again. */
function workOf({ kind, name, parentId = '', attributes }: Span, byId: ReadonlyMap<string, Span>): string | undefined {
  const message = attributes['messaging.message.id']
  if (kind === 'consumer' && message !== undefined)
    return JSON.stringify([name, attributes['messaging.consumer.group.name'], message])
  const parent = byId.get(parentId)
  return kind === 'server' && parent?.kind === 'client' && parent.name === name ? JSON.stringify([name, parentId]) : undefined
}

function isWithin(span: Span, tries: ReadonlySet<Span>, byId: ReadonlyMap<string, Span>): boolean {
  // Damaged spans may be one another's parents.
  const seen = new Set<Span>()
  for (let at: Span | undefined = span; at !== undefined && !seen.has(at); at = byId.get(at.parentId ?? '')) {
    if (tries.has(at)) return true
    seen.add(at)
  }
  return false
}
