/** A trace that is open: its columns, one span of it in full, what a search finds. */
import { signal, type ReadonlySignal } from '@preact/signals'
import type { Columns, SpanReading } from '../model/columns.ts'
import type { FromWorker, ToWorker } from './messages.ts'

export type OpenTrace = {
  readonly columns: ReadonlySignal<Columns | undefined>
  readonly traceId: ReadonlySignal<string | undefined>
  readonly failed: ReadonlySignal<string | undefined>
  /** By row, as far as they were asked for. */
  readonly span: ReadonlySignal<{ readonly row: number; readonly span: SpanReading } | undefined>
  readonly matches: ReadonlySignal<Uint8Array | undefined>
  readonly show: (row: number) => void
  readonly search: (text: string) => void
  readonly close: () => void
}

export function openTrace(id: string): OpenTrace {
  const columns = signal<Columns>()
  const traceId = signal<string>()
  const failed = signal<string>()
  const span = signal<{ row: number; span: SpanReading }>()
  const matches = signal<Uint8Array>()
  const worker = new Worker('/trace-worker.js', { type: 'module' })
  let wanted = ''
  let shown = -1
  worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
    if (data.kind === 'trace') {
      traceId.value = data.traceId
      columns.value = data.columns
    } else if (data.kind === 'failed') failed.value = data.message
    else if (data.kind === 'span') {
      if (data.span !== undefined && data.row === shown) span.value = { row: data.row, span: data.span }
    } else if (data.text === wanted) matches.value = data.matches
  })
  worker.addEventListener('error', ({ message }) => (failed.value = message || 'The worker failed'))
  const send = (message: ToWorker): void => worker.postMessage(message, {})
  send({ kind: 'open', id })
  return {
    ...{ columns, traceId, failed, span, matches },
    show: (row) => {
      shown = row
      send({ kind: 'span', row })
    },
    search: (text) => {
      wanted = text
      if (text === '') matches.value = undefined
      else send({ kind: 'search', text })
    },
    close: () => worker.terminate(),
  }
}
