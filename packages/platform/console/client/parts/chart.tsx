/** Lines over time, by uPlot. */
import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import UPlot from 'uplot'
import { dark } from '../settings.ts'
import { compact, time } from '../show.ts'
import { colour, FONT } from './paint.ts'

export type ChartLine = { readonly label: string; readonly values: readonly (number | null)[] }

const HUES = 8

export function Chart({
  times,
  lines,
  label,
  height = 280,
  say = compact,
}: {
  /** Seconds since the epoch. */
  readonly times: readonly number[]
  readonly lines: readonly ChartLine[]
  readonly label: string
  readonly height?: number
  readonly say?: (value: number) => string
}): JSX.Element {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot | undefined>(undefined)
  const isDark = dark.value
  const names = lines.map((one) => one.label).join('\n')
  // What watches an element ends with it: effects are undone later.
  useLayoutEffect(() => {
    const [quiet, grid] = [colour('--quiet'), colour('--line')]
    const axis = { stroke: quiet, font: FONT, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } }
    const made = new UPlot(
      {
        width: place.current!.clientWidth,
        height,
        legend: { live: true },
        cursor: { points: { size: 6 } },
        axes: [{ ...axis }, { ...axis, size: 64, values: (_, ticks) => ticks.map((one) => (one === null ? '' : say(one))) }],
        series: [
          { value: (_, seconds) => (seconds === null ? '–' : time(seconds * 1000)) },
          ...lines.map((one, at) => ({
            label: one.label,
            stroke: colour(`--h${at % HUES}`),
            width: 1.5,
            points: { show: false },
            value: (_: UPlot, value: number | null) => (value === null ? '–' : say(value)),
          })),
        ],
      },
      dataOf(times, lines),
      place.current!,
    )
    plot.current = made
    const look = new ResizeObserver(() => made.setSize({ width: place.current!.clientWidth, height }))
    look.observe(place.current!)
    return () => {
      look.disconnect()
      made.destroy()
    }
  }, [names, isDark, height])
  useEffect(() => plot.current?.setData(dataOf(times, lines)), [times, lines])
  return <div ref={place} role="img" aria-label={label} />
}

const dataOf = (times: readonly number[], lines: readonly ChartLine[]): UPlot.AlignedData =>
  [[...times], ...lines.map(({ values }) => [...values])] as UPlot.AlignedData
