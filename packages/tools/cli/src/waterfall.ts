import type { Span } from 'dure/telemetry'
import { retriedSpans } from 'dure/telemetry/internal'
import { paint } from './shell.ts'
import { counted, durationText, visible } from './format.ts'
import { hang, padTo, shorten, textWidth } from '@dure/simulation/text/internal'

export type WaterfallOptions = {
  /** Characters of a line; from 80 on everything fits. Infinity: names stay whole. */
  readonly columns: number
  readonly color: boolean
}

/** What is left out is said. */
const MOST_ROWS = 200
/** Cells of a bar that tell apart what is worth it. */
const BAR = 40

/** One line: a piece of work, or both sides of one call. */
type Row = {
  readonly span: Span
  /** The callee's side, when `span` is the caller's. */
  readonly served: Span | undefined
  readonly branch: string
  /** What failed in it, for good or until a later try went well. */
  readonly failure: Span | undefined
  readonly retried: boolean
}

/** Draws a trace for a terminal: who asked whom, when, for how long, and what failed. */
export function waterfall(spans: readonly Span[], options: WaterfallOptions): string {
  const { columns } = options
  const { rows, orphans } = layOut(spans)
  const shown = rows.slice(0, MOST_ROWS)
  const start = Math.min(...spans.map((span) => span.start))
  const end = Math.max(...spans.map((span) => span.start + span.duration))

  const durations = shown.map(({ span }) => durationText(span.duration))
  const right = Math.max(...durations.map((text) => text.length))
  const serviceWidth = Math.min(columns === Infinity ? Infinity : 16, Math.max(...shown.map((row) => textWidth(serviceOf(row)))))
  const room = columns - serviceWidth - right - 6
  const nameWidth = Math.min(
    Math.max(...shown.map((row) => textWidth(nameOf(row)))),
    Math.max(room - BAR, Math.floor(room * 0.74)),
  )
  const barWidth = columns === Infinity ? BAR : Math.max(8, room - nameWidth)

  const lines = shown.map((row, i) => {
    const name = padTo(shorten(nameOf(row), nameWidth), nameWidth)
    const service = padTo(shorten(serviceOf(row), serviceWidth), serviceWidth)
    const bar = barOf(row, { start, total: end - start, width: barWidth })
    return [
      row.failure === undefined ? name : paint(options, row.retried ? 'yellow' : 'red', name),
      paint(options, 'cyan', service),
      paint(options, row.failure === undefined ? 'green' : row.retried ? 'yellow' : 'red', bar),
      durations[i]!.padStart(right),
    ].join('  ')
  })
  return [
    ...heading(
      spans,
      new Set(rows.map(({ span, served }) => (served ?? span).service)).size,
      { start, total: end - start },
      options,
    ),
    '',
    ...lines.map((line) => line.trimEnd()),
    ...(rows.length > shown.length ? [`… and ${rows.length - shown.length} more; --json has them all`] : []),
    ...failures(rows, options),
    ...(orphans ? ['', paint(options, 'dim', 'What stands at the left has a parent that was not kept, or not sampled.')] : []),
  ].join('\n')
}

function heading(
  spans: readonly Span[],
  services: number,
  { start, total }: { start: number; total: number },
  options: WaterfallOptions,
): readonly string[] {
  const retried = retriedSpans(spans)
  const errors = spans.filter((span) => span.status === 'error' && !retried.has(span)).length
  const facts = [
    durationText(total),
    counted(spans.length, 'span'),
    counted(services, 'service'),
    ...(errors > 0 ? [paint(options, 'red', counted(errors, 'error'))] : []),
    ...(retried.size > 0 ? [paint(options, 'yellow', `${retried.size} retried`)] : []),
  ]
  return [`${paint(options, 'bold', 'Trace')} ${spans[0]!.traceId}`, `${new Date(start).toISOString()}  ${facts.join(', ')}`]
}

/** What went wrong, in full, below the picture: the deepest is usually the cause. */
function failures(rows: readonly Row[], options: WaterfallOptions): readonly string[] {
  const failed = rows.flatMap(({ failure, ...row }) => (failure === undefined ? [] : [{ row, failure }]))
  if (failed.length === 0) return []
  const lines = failed.slice(0, 20).map(({ row: { span, retried }, failure }) => {
    const code = failure.attributes['error.type'] ?? 'UNKNOWN'
    const mark = retried ? paint(options, 'yellow', '↻') : paint(options, 'red', '✗')
    const end = retried ? ' (a later try went well)' : ''
    const text = `${visible(span.name)}: ${visible(String(code))}: ${visible(failure.message ?? '')}${end}`
    return hang(`${mark} `, text, options.columns)
  })
  return ['', ...lines, ...(failed.length > 20 ? [`… and ${failed.length - 20} more that failed`] : [])]
}

/** The tree as rows, from the top down; children by start. Damaged or missing parents lose nothing. */
function layOut(spans: readonly Span[]): { rows: readonly Row[]; orphans: boolean } {
  const sorted = spans.toSorted((a, b) => a.start - b.start || (a.name < b.name ? -1 : 1))
  const known = new Set(sorted.map(({ spanId }) => spanId))
  const children = Map.groupBy(sorted, ({ parentId }) => (parentId !== undefined && known.has(parentId) ? parentId : ''))
  const retried = retriedSpans(spans)
  const rows: Row[] = []
  const seen = new Set<Span>()

  const add = (span: Span, lead: string, branch: string): void => {
    if (seen.has(span)) return
    seen.add(span)
    const own = children.get(span.spanId) ?? []
    const answers = span.kind === 'client' ? own.filter((child) => child.kind === 'server' && child.name === span.name) : []
    // Asked of several copies, the one that answered is the other side.
    const served = answers.find((child) => !retried.has(child)) ?? answers[0]
    if (served !== undefined) seen.add(served)
    const failure = [served, span].find((side) => side?.status === 'error')
    rows.push({ span, served, branch, failure, retried: failure !== undefined && retried.has(failure) })
    const below = [...own, ...(served === undefined ? [] : (children.get(served.spanId) ?? []))]
      .filter((child) => !seen.has(child))
      .toSorted((a, b) => a.start - b.start)
    for (const [i, child] of below.entries()) {
      const last = i === below.length - 1
      add(child, `${lead}${last ? '  ' : '│ '}`, `${lead}${last ? '└ ' : '├ '}`)
    }
  }
  for (const root of children.get('') ?? []) add(root, '', '')
  // Spans that are one another's parents are reached from no root.
  for (const span of sorted) add(span, '', '')
  const roots = rows.filter(({ branch }) => branch === '')
  return { rows, orphans: roots.some(({ span }) => span.parentId !== undefined) && roots.length > 1 }
}

function nameOf(row: Row): string {
  return `${row.branch}${row.failure === undefined ? '' : row.retried ? '↻ ' : '✗ '}${visible(row.span.name)}`
}

function serviceOf({ span, served }: Row): string {
  const { service, copy = service } = served ?? span
  return visible(copy)
}

/** Solid where the work was done, light where the call was on its way. */
function barOf({ span, served }: Row, scale: { start: number; total: number; width: number }): string {
  const { start, total, width } = scale
  const cell = (time: number): number => (total <= 0 ? 0 : ((time - start) / total) * width)
  const extent = (one: Span): readonly [number, number] => {
    const from = Math.min(width - 1, Math.floor(cell(one.start)))
    return [from, Math.max(from + 1, Math.min(width, Math.round(cell(one.start + one.duration))))]
  }
  const [from, to] = extent(span)
  const [solidFrom, solidTo] = served === undefined ? [from, to] : extent(served)
  const cells = Array.from({ length: width }, (_, i) => {
    if (i >= solidFrom && i < solidTo) return '█'
    return i >= from && i < to ? '░' : ' '
  })
  return cells.join('')
}
