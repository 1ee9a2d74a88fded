/** Traces as Zipkin's v2 API gives them, for its UI and others that read it. Source: zipkin2-api.yaml. */
import { Fault } from '../fault.ts'
import { json, type Received, type Route } from '../http.ts'
import type { Intake } from '../intake.ts'
import type { SpanRecord, Value } from '../record.ts'
import type { Store } from '../store/store.ts'

const LOOKBACK = 86_400_000
const MOST = 500

export function zipkinQueryRoutes(store: Store, intake: Intake): readonly Route[] {
  const get = (path: string, answer: (received: Received, parts: readonly string[]) => Promise<unknown>): Route => ({
    method: 'GET',
    path: new RegExp(`^(?:/zipkin)?/api/v2/${path}$`),
    answer: async (received, parts) => json(200, await answer(received, parts)),
  })
  const operations = async ({ query }: Received): Promise<readonly string[]> =>
    (await store.traceServices()).find(({ service }) => service === query.get('serviceName'))?.operations ?? []
  const traces = async (ids: readonly string[]): Promise<readonly (readonly ZipkinSpan[])[]> => {
    const all = await Promise.all(ids.map((id) => store.readTrace(id)))
    return all.filter((spans) => spans.length > 0).map((spans) => spans.map(zipkinSpan))
  }
  return [
    get('services', async () => (await store.traceServices()).map(({ service }) => service)),
    get('spans', operations),
    get('remoteServices', async ({ query }) => {
      const to = intake.now() + LOOKBACK
      const edges = await store.readEdges({ from: to - 2 * LOOKBACK, to })
      return [...new Set(edges.filter(({ from }) => from === query.get('serviceName')).map((edge) => edge.to))].toSorted()
    }),
    get('traces', async ({ query }) => {
      const { filter, ...asked } = askedOf(query, intake.now())
      const found = await store.listTraces({ ...asked, limit: filter === undefined ? asked.limit : MOST })
      const whole = await traces(found.map(({ traceId }) => traceId))
      return (filter === undefined ? whole : whole.filter(filter)).slice(0, asked.limit)
    }),
    get('trace/([0-9a-fA-F]{1,32})', async (_, [id = '']) => {
      const [spans] = await traces([padded(id)])
      if (spans === undefined) throw new Fault(404, `Cannot find the trace "${id}"`)
      return spans
    }),
    get('traceMany', async ({ query }) => {
      const ids = (query.get('traceIds') ?? '').split(',').filter((id) => /^[0-9a-fA-F]{1,32}$/.test(id))
      if (ids.length === 0) throw new Fault(400, 'Cannot give traces: give their ids in "traceIds", with commas between them')
      return traces([...new Set(ids.map(padded))].slice(0, MOST))
    }),
    get('dependencies', async ({ query }) => {
      const { from, to } = askedOf(query, intake.now())
      const edges = Map.groupBy(await store.readEdges({ from, to }), (edge) => JSON.stringify([edge.from, edge.to]))
      return [...edges.values()].map((same) => ({
        ...{ parent: same[0]!.from, child: same[0]!.to },
        callCount: same.reduce((sum, { times }) => sum + times, 0),
        errorCount: same.reduce((sum, { failed }) => sum + failed, 0),
      }))
    }),
    get('autocompleteKeys', async () => []),
    get('autocompleteValues', async () => []),
    {
      method: 'GET',
      path: /^(?:\/zipkin)?\/config\.json$/,
      answer: () =>
        json(200, {
          environment: '',
          queryLimit: 10,
          defaultLookback: 900_000,
          searchEnabled: true,
          dependency: { enabled: true },
        }),
    },
  ]
}

const padded = (id: string): string => id.toLowerCase().padStart(32, '0')

type Asked = {
  readonly service: string | undefined
  readonly operation: string | undefined
  readonly longerThan: number | undefined
  readonly shorterThan: number | undefined
  readonly from: number
  readonly to: number
  readonly limit: number
  readonly filter: ((trace: readonly ZipkinSpan[]) => boolean) | undefined
}

/** Times are milliseconds, durations microseconds. */
function askedOf(query: URLSearchParams, now: number): Asked {
  const number = (name: string): number | undefined => {
    const text = query.get(name)
    if (text === null || text === '') return undefined
    const value = Number(text)
    if (!Number.isFinite(value) || value < 0) throw new Fault(400, `Cannot use "${name}": give a number`)
    return value
  }
  const text = (name: string): string | undefined => query.get(name) || undefined
  const micros = (name: string): number | undefined => {
    const value = number(name)
    return value === undefined ? undefined : value / 1_000
  }
  const to = (number('endTs') ?? now) + 1
  const annotations = text('annotationQuery')
  return {
    service: text('serviceName'),
    operation: text('spanName') === 'all' ? undefined : text('spanName'),
    ...{ longerThan: micros('minDuration'), shorterThan: micros('maxDuration') },
    ...{ from: to - (number('lookback') ?? LOOKBACK), to },
    limit: Math.min(MOST, Math.max(1, Math.floor(number('limit') ?? 10))),
    filter: annotations === undefined ? undefined : filterOf(annotations),
  }
}

/** `error and http.method=GET`: a tag or an annotation, or a tag with a value; each in one of the spans. */
function filterOf(annotations: string): (trace: readonly ZipkinSpan[]) => boolean {
  const terms = annotations.split(/\s+and\s+/).map((term) => term.trim())
  return (trace) =>
    terms.every((term) => {
      const [name = '', value] = term.split(/=(.*)/s, 2)
      return trace.some((span) =>
        value === undefined
          ? span.tags[name] !== undefined || span.annotations.some((one) => one.value === name)
          : span.tags[name] === value,
      )
    })
}

export type ZipkinSpan = {
  readonly traceId: string
  readonly id: string
  readonly parentId?: string
  readonly kind?: string
  readonly name: string
  /** Microseconds. */
  readonly timestamp: number
  readonly duration: number
  readonly localEndpoint: { readonly serviceName: string }
  readonly remoteEndpoint?: { readonly serviceName: string }
  readonly annotations: readonly { readonly timestamp: number; readonly value: string }[]
  readonly tags: Readonly<Record<string, string>>
}

export function zipkinSpan(span: SpanRecord): ZipkinSpan {
  const tags: Record<string, string> = {}
  for (const [name, value] of Object.entries(span.attributes)) tags[name] = textOf(value)
  const peer = tags['peer.service']
  if (span.failed) tags['error'] = span.message ?? 'true'
  return {
    ...{ traceId: span.traceId, id: span.spanId, ...(span.parentId === undefined ? {} : { parentId: span.parentId }) },
    ...(span.kind === 'internal' ? {} : { kind: span.kind.toUpperCase() }),
    ...{ name: span.name, timestamp: Math.round(span.start * 1_000), duration: Math.max(1, Math.round(span.duration * 1_000)) },
    localEndpoint: { serviceName: span.service },
    ...(peer === undefined ? {} : { remoteEndpoint: { serviceName: peer } }),
    annotations: span.events.map(({ time, name }) => ({ timestamp: Math.round(time * 1_000), value: name })),
    tags,
  }
}

const textOf = (value: Value): string => (typeof value === 'string' ? value : JSON.stringify(value))
