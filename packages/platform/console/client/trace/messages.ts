import type { Columns, SpanReading } from '../model/columns.ts'

export type ToWorker =
  | { readonly kind: 'open'; readonly id: string }
  | { readonly kind: 'span'; readonly row: number }
  | { readonly kind: 'search'; readonly text: string }

export type FromWorker =
  | { readonly kind: 'trace'; readonly columns: Columns; readonly traceId: string | undefined }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'span'; readonly row: number; readonly span: SpanReading | undefined }
  | { readonly kind: 'matches'; readonly text: string; readonly matches: Uint8Array }
