/** Lines as Elasticsearch's `_bulk` takes them, in the names of its Common Schema: what `in/bulk.ts` reads. */
import type { LogRecord } from '../record.ts'
import { LEVELS, rankOf } from '../record.ts'

/** What each of an index's documents begins with. */
export function bulkBody(logs: readonly LogRecord[], index: string): string {
  const action = JSON.stringify({ create: { _index: index } })
  return logs.map((record) => `${action}\n${JSON.stringify(documentOf(record))}\n`).join('')
}

function documentOf({ time, severity, service, body, traceId, spanId, attributes, resource }: LogRecord): object {
  return {
    ...resource,
    ...attributes,
    ...{
      '@timestamp': new Date(time).toISOString(),
      message: body,
      'log.level': LEVELS[rankOf(severity)],
      'service.name': service,
    },
    ...(traceId !== undefined && { 'trace.id': traceId }),
    ...(spanId !== undefined && { 'span.id': spanId }),
  }
}

/** How many of them were not taken. */
export function refusedOf(answer: string): number {
  try {
    const { errors, items = [] } = JSON.parse(answer) as { readonly errors?: boolean; readonly items?: readonly object[] }
    if (errors !== true) return 0
    return items.filter((item) => ((Object.values(item)[0] as { readonly status?: number } | undefined)?.status ?? 500) >= 300)
      .length
  } catch {
    return 0
  }
}
