/** Reads a trace beside the page, so that the page never waits for a large one. */
import { columnsOf, matchesOf, type SpanReading } from '../model/columns.ts'
import type { FromWorker, ToWorker } from './messages.ts'

/** A worker is no window: there is no origin to name. */
const post = (message: FromWorker): void =>
  (self as unknown as { postMessage: (message: FromWorker, how: object) => void }).postMessage(message, {})

let spans: readonly SpanReading[] = []
let order: Int32Array = new Int32Array(0)

addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === 'open') void open(data)
  else if (data.kind === 'span') post({ kind: 'span', row: data.row, span: spans[order[data.row]!] })
  else post({ kind: 'matches', text: data.text, matches: matchesOf(spans, order, data.text) })
})

async function open({ url, input }: Extract<ToWorker, { kind: 'open' }>): Promise<void> {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(input),
      cache: 'no-store',
    })
    const body = (await answer.json()) as {
      readonly value?: { readonly spans?: readonly SpanReading[]; readonly truncated?: boolean } | readonly SpanReading[]
      readonly error?: { readonly message: string }
    }
    if (body.error !== undefined) return post({ kind: 'failed', message: body.error.message })
    const value = body.value ?? []
    spans = Array.isArray(value) ? (value as readonly SpanReading[]) : ((value as { spans?: readonly SpanReading[] }).spans ?? [])
    const made = columnsOf(spans)
    order = made.order
    post({ kind: 'trace', columns: made.columns, traceId: spans[0]?.traceId })
  } catch (error) {
    post({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
  }
}
