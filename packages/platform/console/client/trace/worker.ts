/** Reads a trace beside the page, so that the page never waits for a large one. */
import { columnsOf, matchesOf, type SpanReading } from '../model/columns.ts'
import type { FromWorker, ToWorker } from './messages.ts'

/** A worker is no window: there is no origin to name. */
const post = (message: FromWorker): void =>
  (self as unknown as { postMessage: (message: FromWorker, how: object) => void }).postMessage(message, {})

let spans: readonly SpanReading[] = []
let order: Int32Array = new Int32Array(0)
let traceId = ''
/** Whether attributes are there, and not only what is painted. */
let whole = false
/** Of a larger trace attributes are asked for span by span. */
const MOST_WHOLE = 5_000

addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === 'open') void open(data.id)
  else if (data.kind === 'span') void show(data.row)
  else post({ kind: 'matches', text: data.text, matches: matchesOf(spans, order, data.text) })
})

async function ask<T>(operation: string, input: unknown): Promise<T> {
  const answer = await fetch(`/api/operator/traces/${operation}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(input),
    cache: 'no-store',
  })
  const body = (await answer.json()) as { readonly value?: T; readonly error?: { readonly message: string } }
  if (body.error !== undefined) throw new Error(body.error.message)
  return body.value!
}

type Whole = { readonly traceId: string; readonly spans: readonly SpanReading[] }

async function open(id: string): Promise<void> {
  try {
    const brief = await ask<Whole>('show', { traceId: id, brief: true })
    spans = brief.spans
    traceId = brief.traceId
    const made = columnsOf(spans)
    order = made.order
    post({ kind: 'trace', columns: made.columns, traceId })
    if (spans.length > MOST_WHOLE) return
    const byId = new Map((await ask<Whole>('show', { traceId })).spans.map((span) => [keyOf(span), span]))
    spans = spans.map((span) => byId.get(keyOf(span)) ?? span)
    whole = true
  } catch (error) {
    post({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
  }
}

/** Both halves of a call may have the same id. */
const keyOf = ({ spanId, kind, service }: SpanReading): string => `${spanId} ${kind} ${service}`

async function show(row: number): Promise<void> {
  const span = spans[order[row]!]
  if (span === undefined || whole) return post({ kind: 'span', row, span })
  const asked = await ask<SpanReading>('span', { traceId, spanId: span.spanId }).catch(() => span)
  post({ kind: 'span', row, span: asked })
}
