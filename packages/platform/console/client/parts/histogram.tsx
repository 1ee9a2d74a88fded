/** Counts over time as bars; drawing across some of them chooses that time. */
import type { JSX } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { dark } from '../settings.ts'
import { compact, time } from '../show.ts'
import { go, withQuery } from '../where.ts'
import { t } from '../words/words.ts'
import { colours, FONT, prepare, steps } from './paint.ts'

type Level = 'debug' | 'info' | 'warn' | 'error'

export type Counts = {
  /** Milliseconds of each slot. */
  readonly step: number
  readonly slots: readonly { readonly time: number; readonly lines: Readonly<Record<Level, number>> }[]
  readonly complete?: boolean
}

const LEFT = 40

export function Histogram({ counts }: { readonly counts: Counts }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null)
  const began = useRef<number | undefined>(undefined)
  const isDark = dark.value
  const [from, until] = [counts.slots[0]?.time ?? 0, (counts.slots.at(-1)?.time ?? 0) + counts.step]
  // What watches an element ends with it: effects are undone later.
  useLayoutEffect(() => {
    const draw = (): void => paint(canvas.current!, counts, from, until)
    const look = new ResizeObserver(draw)
    look.observe(canvas.current!.parentElement!)
    draw()
    return () => look.disconnect()
  }, [counts, isDark])
  const at = (event: PointerEvent): number => {
    const { left, width } = canvas.current!.getBoundingClientRect()
    return from + (Math.max(0, event.clientX - left - LEFT) / (width - LEFT)) * (until - from)
  }
  const total = counts.slots.reduce((sum, { lines }) => sum + lines.debug + lines.info + lines.warn + lines.error, 0)
  const errors = counts.slots.reduce((sum, { lines }) => sum + lines.error, 0)
  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label={`${t('logs.histogram')}: ${t('logs.count', { count: compact(total) })}, ${t('level.error')} ${compact(errors)}`}
      title={t('logs.histogram')}
      onPointerDown={(event) => {
        began.current = at(event)
        canvas.current!.setPointerCapture(event.pointerId)
      }}
      onPointerUp={(event) => {
        if (began.current === undefined) return
        const [a, b] = [began.current, at(event)].sort((x, y) => x - y) as [number, number]
        began.current = undefined
        const begin = Math.floor(a / counts.step) * counts.step
        const end = Math.max(begin + counts.step, Math.ceil(b / counts.step) * counts.step)
        go(withQuery({ from: String(begin), to: String(end) }))
      }}
    />
  )
}

function paint(canvas: HTMLCanvasElement, { slots, step }: Counts, from: number, until: number): void {
  const { clientWidth: width, clientHeight: height } = canvas.parentElement!
  const inner = { width: width - 36, height: height - 10 }
  const context = prepare(canvas, inner.width, inner.height)
  const color = colours('quiet', 'line', 'line-strong', 'accent', 'bad', 'warn')
  const most = Math.max(1, ...slots.map(({ lines }) => lines.debug + lines.info + lines.warn + lines.error))
  const high = inner.height - 16
  const x = (ms: number): number => LEFT + ((ms - from) / (until - from || 1)) * (inner.width - LEFT)
  context.font = FONT
  context.textBaseline = 'middle'
  context.fillStyle = color.quiet
  context.textAlign = 'right'
  context.fillText(compact(most), LEFT - 8, 8)
  context.fillText('0', LEFT - 8, high)
  context.fillStyle = color.line
  context.fillRect(LEFT, high, inner.width - LEFT, 1)
  for (const { time: at, lines } of slots) {
    let y = high
    const [left, right] = [x(at) + 0.5, Math.max(x(at) + 1.5, x(at + step) - 0.5)]
    for (const [count, fill] of [
      [lines.error, color.bad],
      [lines.warn, color.warn],
      [lines.info, color.accent],
      [lines.debug, color['line-strong']],
    ] as const) {
      if (count === 0) continue
      const tall = Math.max(1.5, (count / most) * (high - 6))
      context.fillStyle = fill
      context.fillRect(left, y - tall, right - left, tall)
      y -= tall
    }
  }
  context.textAlign = 'center'
  context.fillStyle = color.quiet
  for (const mark of steps(0, until - from, inner.width / 170)) {
    const place = x(from + mark)
    if (place > LEFT + 40 && place < inner.width - 40) context.fillText(time(from + mark).replace(/\.\d+$/, ''), place, high + 9)
  }
}
