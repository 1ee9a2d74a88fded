/** Paints the rows of a trace that are seen, and the overview of all of it. */
import { SLICES, type Columns } from '../model/columns.ts'
import { colours, FONT, prepare, steps } from '../parts/paint.ts'
import { duration, hue } from '../show.ts'

export const ROW = 24
export const OVERVIEW = 58
const RULER = 18

/** Milliseconds of the trace that are shown. */
export type View = { readonly from: number; readonly until: number }

export type Scene = {
  readonly columns: Columns
  readonly rows: Int32Array
  readonly folded: ReadonlySet<number>
  readonly view: View
  readonly chosen: number
  readonly matches: Uint8Array | undefined
}

export const namesWidth = (width: number): number => Math.round(Math.min(460, Math.max(150, width * 0.36)))

const NAMES = [
  'text',
  'quiet',
  'line',
  'accent',
  'accent-ground',
  'bad',
  'hover',
  'surface',
  'h0',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'h7',
] as const

/** The rows from `top` pixels on. */
export function drawRows(
  canvas: HTMLCanvasElement,
  { width, height, top }: { width: number; height: number; top: number },
  scene: Scene,
): void {
  const context = prepare(canvas, width, height)
  const paint = colours(...NAMES)
  const { columns, rows } = scene
  const names = namesWidth(width)
  const first = Math.floor(top / ROW)
  const last = Math.min(rows.length, Math.ceil((top + height) / ROW))
  const hues = [paint.h0, paint.h1, paint.h2, paint.h3, paint.h4, paint.h5, paint.h6, paint.h7]
  context.font = FONT
  context.textBaseline = 'middle'
  for (const mark of steps(scene.view.from, scene.view.until, (width - names) / 110)) {
    context.fillStyle = paint.line
    context.fillRect(Math.round(x(mark, scene.view, names, width)), 0, 1, height)
  }
  for (let at = first; at < last; at++) {
    const row = rows[at]!
    drawRow(context, {
      scene,
      row,
      y: at * ROW - top,
      names,
      width,
      paint,
      hue: hues[hue(columns.services[columns.service[row]!]!)]!,
    })
  }
  context.fillStyle = paint.line
  context.fillRect(names, 0, 1, height)
}

type RowOptions = {
  readonly scene: Scene
  readonly row: number
  readonly y: number
  readonly names: number
  readonly width: number
  readonly hue: string
  readonly paint: Readonly<Record<(typeof NAMES)[number], string>>
}

const x = (ms: number, { from, until }: View, left: number, right: number): number =>
  left + 8 + ((ms - from) / (until - from || 1)) * (right - left - 16)

function drawRow(context: CanvasRenderingContext2D, { scene, row, y, names, width, hue: color, paint }: RowOptions): void {
  const { columns, view, matches } = scene
  const middle = y + ROW / 2
  if (row === scene.chosen) {
    context.fillStyle = paint['accent-ground']
    context.fillRect(0, y, width, ROW)
  } else if (matches?.[row] === 1) {
    context.fillStyle = paint.hover
    context.fillRect(0, y, width, ROW)
  }
  context.globalAlpha = matches !== undefined && matches[row] === 0 ? 0.35 : 1
  const failed = columns.failed[row] === 1
  const left = 10 + Math.min(columns.depth[row]!, 24) * 12
  if (columns.size[row]! > 1) drawTriangle(context, left, middle, scene.folded.has(row), paint.quiet)
  context.fillStyle = color
  context.fillRect(left + 12, middle - 4, 8, 8)
  context.save()
  context.beginPath()
  context.rect(0, y, names - 6, ROW)
  context.clip()
  const service = columns.services[columns.service[row]!]!
  const own = columns.parent[row] === -1 || columns.service[columns.parent[row]!] !== columns.service[row]
  context.fillStyle = failed ? paint.bad : paint.text
  const title = columns.names[columns.name[row]!]!
  const shown = own && !title.startsWith(service) ? `${service}  ` : ''
  if (shown !== '') {
    context.fillStyle = paint.quiet
    context.fillText(shown, left + 26, middle)
  }
  context.fillStyle = failed ? paint.bad : paint.text
  context.fillText(`${failed ? '✕ ' : ''}${title}`, left + 26 + (shown === '' ? 0 : context.measureText(shown).width), middle)
  context.restore()
  drawBar(context, { columns, row, view, names, width, middle, color, paint, failed })
  context.globalAlpha = 1
}

function drawBar(
  context: CanvasRenderingContext2D,
  options: Pick<RowOptions, 'row' | 'names' | 'width' | 'paint'> & {
    readonly columns: Columns
    readonly view: View
    readonly middle: number
    readonly color: string
    readonly failed: boolean
  },
): void {
  const { columns, row, view, names, width, middle, color, paint, failed } = options
  const from = x(columns.start[row]!, view, names, width)
  const until = x(columns.start[row]! + columns.duration[row]!, view, names, width)
  if (until < names || from > width) return
  context.save()
  context.beginPath()
  context.rect(names + 1, middle - ROW / 2, width - names, ROW)
  context.clip()
  const long = Math.max(2, until - from)
  context.fillStyle = failed ? paint.bad : color
  context.beginPath()
  context.roundRect(from, middle - 5, long, 10, 2)
  context.fill()
  if (columns.critical[row] === 1) {
    context.fillStyle = paint.text
    context.fillRect(from, middle + 6, long, 2)
  }
  const label = duration(columns.duration[row]!)
  const size = context.measureText(label).width
  context.fillStyle = paint.quiet
  if (until + size + 8 < width) context.fillText(label, Math.max(from + long, names) + 5, middle)
  else if (from - size - 6 > names) context.fillText(label, from - size - 5, middle)
  context.restore()
}

function drawTriangle(context: CanvasRenderingContext2D, left: number, middle: number, closed: boolean, color: string): void {
  context.fillStyle = color
  context.beginPath()
  if (closed) {
    context.moveTo(left, middle - 4)
    context.lineTo(left + 6, middle)
    context.lineTo(left, middle + 4)
  } else {
    context.moveTo(left - 1, middle - 3)
    context.lineTo(left + 7, middle - 3)
    context.lineTo(left + 3, middle + 3)
  }
  context.fill()
}

/** How much is under way when, what failed, and which part the rows show. */
export function drawOverview(canvas: HTMLCanvasElement, width: number, { columns, view }: Pick<Scene, 'columns' | 'view'>): void {
  const context = prepare(canvas, width, OVERVIEW)
  const paint = colours('text', 'quiet', 'line', 'accent', 'accent-ground', 'bad', 'ground')
  const high = OVERVIEW - RULER
  const names = namesWidth(width)
  const all: View = { from: 0, until: columns.total }
  const most = columns.density.reduce((a, b) => Math.max(a, b), 1)
  context.fillStyle = paint['accent-ground']
  context.beginPath()
  context.moveTo(x(0, all, names, width), high)
  for (let at = 0; at < SLICES; at++) {
    const left = x((at / SLICES) * columns.total, all, names, width)
    const right = x(((at + 1) / SLICES) * columns.total, all, names, width)
    const y = high - 2 - Math.sqrt(columns.density[at]! / most) * (high - 8)
    context.lineTo(left, y)
    context.lineTo(right, y)
  }
  context.lineTo(x(columns.total, all, names, width), high)
  context.fill()
  context.strokeStyle = paint.accent
  context.stroke()
  context.fillStyle = paint.bad
  for (let at = 0; at < SLICES; at++)
    if (columns.failures[at] === 1) context.fillRect(x((at / SLICES) * columns.total, all, names, width) - 1, 2, 3, 5)
  const zoomed = view.from > 0 || view.until < columns.total
  if (zoomed) {
    const [from, until] = [x(view.from, all, names, width), x(view.until, all, names, width)]
    context.fillStyle = paint.accent
    context.globalAlpha = 0.15
    context.fillRect(from, 0, Math.max(2, until - from), high)
    context.globalAlpha = 1
    context.fillRect(from, 0, 1, high)
    context.fillRect(until, 0, 1, high)
  }
  context.font = FONT
  context.textBaseline = 'middle'
  for (const mark of steps(view.from, view.until, (width - names) / 110)) {
    const left = x(mark, view, names, width)
    context.fillStyle = paint.line
    context.fillRect(Math.round(left), high, 1, RULER)
    context.fillStyle = paint.quiet
    const label = duration(mark)
    if (left + context.measureText(label).width + 4 < width) context.fillText(label, left + 4, high + RULER / 2)
  }
}

/** The time under a place of the overview. */
export function timeAt(place: number, width: number, total: number): number {
  const names = namesWidth(width)
  return Math.min(total, Math.max(0, ((place - names - 8) / (width - names - 16)) * total))
}
