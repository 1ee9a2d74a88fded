import type { Exporter, Span } from 'dure/telemetry'
import { paint, type Shell } from './shell.ts'

/** A line for each request from outside once it is answered: time, status, method and path, how long it took, its trace. */
export function requestLines(shell: Shell): Exporter {
  return () => ({
    name: 'requests',
    take: (span) => {
      if (span.attributes['http.request.method'] === undefined || span.kind !== 'server') return
      shell.process.stderr.write(`${requestLine(span, shell)}\n`)
    },
    dropped: () => 0,
    flush: () => Promise.resolve(),
    stop: () => Promise.resolve(),
  })
}

/** Digits of a trace id: `dure trace` takes the beginning of one. */
const SHOWN = 12

export function requestLine({ start, duration, attributes, traceId }: Span, options: { readonly color: boolean }): string {
  const time = new Date(start + duration).toISOString().slice(11, 23)
  const status = Number(attributes['http.response.status_code'] ?? 0)
  const style = status >= 500 ? 'red' : status >= 400 ? 'yellow' : 'green'
  const took = `${duration < 10 ? duration.toFixed(1) : Math.round(duration)} ms`
  return [
    paint(options, 'dim', time),
    paint(options, style, String(status || '-').padEnd(5)),
    `${attributes['http.request.method']} ${attributes['url.path'] ?? attributes['http.route'] ?? ''}`,
    took,
    paint(options, 'dim', `trace ${traceId.slice(0, SHOWN)}`),
  ].join(' ')
}
