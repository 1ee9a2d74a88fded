/** A trace as bars over time, of any number of spans: only what is seen is painted. */
import { useComputed, useSignal, useSignalEffect, type ReadonlySignal, type Signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { visibleRows, type Columns } from '../model/columns.ts'
import { duration } from '../show.ts'
import { dark } from '../settings.ts'
import { t } from '../words/words.ts'
import { drawOverview, drawRows, namesWidth, ROW, timeAt, type View } from './draw.ts'

type Props = {
  readonly columns: Columns
  /** The row that is open; -1: none. */
  readonly chosen: Signal<number>
  readonly matches: ReadonlySignal<Uint8Array | undefined>
  readonly folded: Signal<ReadonlySet<number>>
  readonly open: (row: number) => void
}

export function Waterfall({ columns, chosen, matches, folded, open }: Props): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null)
  const above = useRef<HTMLCanvasElement>(null)
  const scroller = useRef<HTMLDivElement>(null)
  const size = useSignal({ width: 0, height: 0 })
  const top = useSignal(0)
  const whole: View = { from: 0, until: columns.total || 1 }
  const view = useSignal<View>(whole)
  const rows = useComputed(() => visibleRows(columns, folded.value))
  // What watches an element ends with it: effects are undone later.
  useLayoutEffect(() => {
    const look = new ResizeObserver(() => {
      const { clientWidth, clientHeight } = scroller.current!
      size.value = { width: clientWidth, height: clientHeight }
    })
    look.observe(scroller.current!)
    return () => look.disconnect()
  }, [])
  const frame = useRef(0)
  useSignalEffect(() => {
    const { width, height } = size.value
    const scene = {
      columns,
      rows: rows.value,
      folded: folded.value,
      view: view.value,
      chosen: chosen.value,
      matches: matches.value,
    }
    const at = top.value
    void dark.value
    cancelAnimationFrame(frame.current)
    if (width === 0) return
    frame.current = requestAnimationFrame(() => {
      if (canvas.current === null) return
      drawRows(canvas.current, { width, height, top: at }, scene)
      drawOverview(above.current!, width, scene)
    })
  })
  const fold = (row: number, how: 'open' | 'close'): void => {
    if (columns.size[row] === 1 || (how === 'close') === folded.value.has(row)) return
    const next = new Set(folded.value)
    if (how === 'close') next.add(row)
    else next.delete(row)
    folded.value = next
  }
  const reveal = (row: number): void => {
    chosen.value = row
    const at = rows.value.indexOf(row)
    const { scrollTop, clientHeight } = scroller.current!
    if (at * ROW < scrollTop) scroller.current!.scrollTop = at * ROW
    else if ((at + 1) * ROW > scrollTop + clientHeight) scroller.current!.scrollTop = (at + 1) * ROW - clientHeight
  }
  const onKey = keysFor({ columns, rows, chosen, matches, folded, view, whole, fold, reveal, open })
  return (
    <div class="waterfall">
      <Overview canvas={above} view={view} whole={whole} width={size} />
      <div
        ref={scroller}
        class="rows"
        role="tree"
        tabIndex={0}
        aria-label={t('trace.tree')}
        aria-activedescendant={chosen.value === -1 ? undefined : 'span-chosen'}
        onKeyDown={onKey}
        onScroll={() => (top.value = scroller.current!.scrollTop)}
        onClick={(event) => {
          const { left, top: y } = scroller.current!.getBoundingClientRect()
          const row = rows.value[Math.floor((event.clientY - y + scroller.current!.scrollTop) / ROW)]
          if (row === undefined) return
          const triangle = 10 + Math.min(columns.depth[row]!, 24) * 12
          const place = event.clientX - left
          if (columns.size[row]! > 1 && place > triangle - 8 && place < triangle + 11)
            fold(row, folded.value.has(row) ? 'open' : 'close')
          else {
            chosen.value = row
            open(row)
          }
        }}
      >
        <div class="tall" style={{ height: `${rows.value.length * ROW}px` }} />
        <canvas ref={canvas} aria-hidden="true" />
        {chosen.value !== -1 && <ChosenSpan columns={columns} row={chosen.value} folded={folded.value} />}
      </div>
    </div>
  )
}

/** What a reader hears of the span that is chosen: a canvas says nothing. */
function ChosenSpan({
  columns,
  row,
  folded,
}: {
  readonly columns: Columns
  readonly row: number
  readonly folded: ReadonlySet<number>
}): JSX.Element {
  const text = `${columns.services[columns.service[row]!]} ${columns.names[columns.name[row]!]} ${duration(columns.duration[row]!)} ${columns.failed[row] === 1 ? t('trace.failed') : ''}`
  return (
    <div
      id="span-chosen"
      class="unseen"
      role="treeitem"
      aria-level={columns.depth[row]! + 1}
      aria-selected="true"
      aria-expanded={columns.size[row] === 1 ? undefined : !folded.has(row)}
    >
      {text}
    </div>
  )
}

type KeyWorld = Props & {
  readonly rows: ReadonlySignal<Int32Array>
  readonly view: Signal<View>
  readonly whole: View
  readonly fold: (row: number, how: 'open' | 'close') => void
  readonly reveal: (row: number) => void
}

function keysFor(world: Omit<KeyWorld, 'class'>): (event: KeyboardEvent) => void {
  const { columns, rows, chosen, matches, view, whole, fold, reveal, open } = world
  const move = (step: number): void => {
    const at = rows.value.indexOf(chosen.value)
    const next = rows.value[Math.max(0, Math.min(rows.value.length - 1, at + step))]
    if (next !== undefined) reveal(next)
  }
  const zoom = (factor: number): void => {
    const { from, until } = view.value
    const row = chosen.value
    const center = row === -1 ? (from + until) / 2 : columns.start[row]! + columns.duration[row]! / 2
    const half = ((until - from) * factor) / 2
    view.value = clamp({ from: center - half, until: center + half }, whole)
  }
  const nextMatch = (step: 1 | -1): void => {
    const found = matches.value
    if (found === undefined) return
    for (let row = chosen.value + step; row >= 0 && row < columns.count; row += step) {
      if (found[row] !== 1) continue
      // What is folded away is opened on the way to it.
      for (let up = columns.parent[row]!; up !== -1; up = columns.parent[up]!) fold(up, 'open')
      return reveal(row)
    }
  }
  const acts: Readonly<Record<string, () => void>> = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    j: () => move(1),
    k: () => move(-1),
    PageDown: () => move(20),
    PageUp: () => move(-20),
    Home: () => move(-rows.value.length),
    End: () => move(rows.value.length),
    ArrowLeft: () => {
      const row = chosen.value
      if (row === -1) return
      if (columns.size[row]! > 1 && !world.folded.value.has(row)) fold(row, 'close')
      else if (columns.parent[row] !== -1) reveal(columns.parent[row]!)
    },
    ArrowRight: () => {
      const row = chosen.value
      if (row === -1 || columns.size[row] === 1) return
      if (world.folded.value.has(row)) fold(row, 'open')
      else reveal(row + 1)
    },
    Enter: () => void (chosen.value !== -1 && open(chosen.value)),
    n: () => nextMatch(1),
    N: () => nextMatch(-1),
    '+': () => zoom(0.5),
    '=': () => zoom(0.5),
    '-': () => zoom(2),
    '0': () => void (view.value = whole),
  }
  return (event) => {
    const act = acts[event.key]
    if (act === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    act()
  }
}

function clamp({ from, until }: View, whole: View): View {
  const least = whole.until / 1e6
  const [a, b] = [Math.max(whole.from, from), Math.min(whole.until, until)]
  return b - a < least ? { from: a, until: Math.min(whole.until, a + least) } : { from: a, until: b }
}

/** A part of it is drawn across; a click shows all again. */
function Overview({
  canvas,
  view,
  whole,
  width,
}: {
  readonly canvas: { current: HTMLCanvasElement | null }
  readonly view: Signal<View>
  readonly whole: View
  readonly width: ReadonlySignal<{ readonly width: number }>
}): JSX.Element {
  const began = useRef<number | undefined>(undefined)
  const at = (event: PointerEvent): number =>
    timeAt(event.clientX - canvas.current!.getBoundingClientRect().left, width.value.width, whole.until)
  return (
    <div class="overview" title={t('trace.overview')}>
      <canvas
        ref={canvas}
        aria-hidden="true"
        onPointerDown={(event) => {
          if (event.clientX - canvas.current!.getBoundingClientRect().left < namesWidth(width.value.width)) return
          began.current = at(event)
          canvas.current!.setPointerCapture(event.pointerId)
        }}
        onPointerMove={(event) => {
          if (began.current === undefined) return
          const [from, until] = [began.current, at(event)].sort((a, b) => a - b) as [number, number]
          if (until - from > whole.until / 500) view.value = { from, until }
        }}
        onPointerUp={(event) => {
          if (began.current !== undefined && Math.abs(at(event) - began.current) <= whole.until / 500) view.value = whole
          began.current = undefined
        }}
      />
    </div>
  )
}
