import type { Exporter, Span, TelemetryOptions } from 'dure/telemetry'

/** Spans of a test, over all lives of its system. */
export type Spans = { readonly telemetry: TelemetryOptions | false; readonly list: () => readonly Span[] }

const MOST = 10_000

/** @param wanted false: none are made, and `list` says so of the system `name` */
export function createSpans(name: string, wanted: boolean): Spans {
  if (!wanted)
    return {
      telemetry: false,
      list: () => {
        throw new TypeError(`Cannot tell spans of "${name}": none are made; start it with \`spans: true\``)
      },
    }
  const spans: Span[] = []
  const keep: Exporter = () => ({
    ...{ name: 'test', dropped: () => 0, flush: async () => {}, stop: async () => {} },
    take: (span) => {
      spans.push(span)
      if (spans.length > MOST) spans.shift()
    },
  })
  return { telemetry: { sampling: 1, store: false, exporters: [keep] }, list: () => [...spans] }
}
