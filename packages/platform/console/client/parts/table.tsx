/** A table that the keyboard walks, and that draws no more rows than are seen. */
import type { ComponentChildren, JSX } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { t } from '../words/words.ts'

export type Column<Row> = {
  readonly id: string
  readonly title: string
  readonly cell: (row: Row) => ComponentChildren
  /** What it is sorted by; a column without is not sorted. */
  readonly by?: (row: Row) => number | string
  readonly number?: boolean
  /** Left out on a narrow screen. */
  readonly wide?: boolean
  readonly class?: string
}

type Props<Row> = {
  readonly label: string
  readonly rows: readonly Row[]
  readonly columns: readonly Column<Row>[]
  readonly id: (row: Row) => string
  readonly onOpen?: (row: Row) => void
  /** Id of the row that is open. */
  readonly open?: string | undefined
  readonly inset?: boolean
}

const ROW = 30
/** Above so many rows only those that are seen are made. */
const ALL = 150
const AROUND = 12

export function Table<Row>({ label, rows, columns, id, onOpen, open, inset = false }: Props<Row>): JSX.Element {
  const [sort, setSort] = useState<{ id: string; down: boolean } | undefined>()
  const [at, setAt] = useState(0)
  const body = useRef<HTMLTableSectionElement>(null)
  const sorted = sortRows(rows, columns, sort)
  const [first, last] = useWindow(body, sorted.length)
  const walk = (event: KeyboardEvent): void => {
    const step = STEPS[event.key]
    if (event.target instanceof HTMLElement && event.target.matches('input, textarea, select, button')) return
    if (event.key === 'Enter' && onOpen !== undefined && sorted[at] !== undefined) return onOpen(sorted[at])
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    const next = Math.max(0, Math.min(sorted.length - 1, at + Math.max(-sorted.length, Math.min(sorted.length, step))))
    setAt(next)
    reveal(body.current, next)
  }
  const sortBy = (column: Column<Row>): void =>
    setSort((before) =>
      before?.id !== column.id ? { id: column.id, down: column.number === true } : { id: column.id, down: !before.down },
    )
  return (
    <table class={`table ${inset ? 'inset' : ''}`} aria-label={label} aria-rowcount={sorted.length + 1}>
      <thead>
        <tr>
          {columns.map((column) => (
            <th
              key={column.id}
              scope="col"
              class={cellClass(column)}
              aria-sort={sort?.id !== column.id ? undefined : sort.down ? 'descending' : 'ascending'}
            >
              {column.by === undefined ? (
                column.title === '' ? (
                  <span class="unseen">{t('table.acts')}</span>
                ) : (
                  column.title
                )
              ) : (
                <button type="button" onClick={() => sortBy(column)}>
                  {column.title}
                  {sort?.id === column.id ? (sort.down ? ' ↓' : ' ↑') : ''}
                </button>
              )}
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body} onKeyDown={walk}>
        {first > 0 && <Spacer rows={first} columns={columns.length} />}
        {sorted.slice(first, last).map((row, index) => {
          const place = first + index
          return (
            <tr
              key={id(row)}
              data-row={place}
              class={onOpen === undefined ? '' : 'opens'}
              tabIndex={place === Math.min(at, sorted.length - 1) ? 0 : -1}
              aria-selected={onOpen === undefined ? undefined : id(row) === open}
              aria-rowindex={place + 2}
              onClick={(event) => {
                setAt(place)
                if ((event.target as Element).closest('a, button, input') === null) onOpen?.(row)
              }}
              onFocus={() => setAt(place)}
            >
              {columns.map((column) => (
                <td key={column.id} class={cellClass(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          )
        })}
        {last < sorted.length && <Spacer rows={sorted.length - last} columns={columns.length} />}
      </tbody>
    </table>
  )
}

const STEPS: Readonly<Record<string, number>> = {
  ...{ ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 15, PageUp: -15, Home: -1e9, End: 1e9 },
}

const cellClass = (column: Column<never>): string =>
  [column.number === true ? 'number' : '', column.wide === true ? 'wide' : '', column.class ?? ''].filter(Boolean).join(' ')

const Spacer = ({ rows, columns }: { readonly rows: number; readonly columns: number }): JSX.Element => (
  <tr class="spacer" aria-hidden="true">
    <td colSpan={columns} style={{ height: `${rows * ROW}px` }} />
  </tr>
)

function sortRows<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  sort: { readonly id: string; readonly down: boolean } | undefined,
): readonly Row[] {
  const by = columns.find(({ id }) => id === sort?.id)?.by
  if (by === undefined || sort === undefined) return rows
  const sign = sort.down ? -1 : 1
  return rows.toSorted((a, b) => {
    const [x, y] = [by(a), by(b)]
    return x === y ? 0 : (x < y ? -1 : 1) * sign
  })
}

/** Which rows are made: all of few, and of many those that are seen and some around them. */
function useWindow(body: { readonly current: HTMLElement | null }, count: number): readonly [number, number] {
  const [seen, setSeen] = useState<readonly [number, number]>([0, 60])
  const few = count <= ALL
  useLayoutEffect(() => {
    const scroller = body.current?.closest<HTMLElement>('.list, .body, section')
    if (few || !scroller) return undefined
    const look = (): void => {
      const top = scroller.getBoundingClientRect().top - body.current!.getBoundingClientRect().top
      const from = Math.max(0, Math.floor(top / ROW) - AROUND)
      const until = Math.ceil((top + scroller.clientHeight) / ROW) + AROUND
      setSeen((before) => (before[0] === from && before[1] === until ? before : [from, until]))
    }
    look()
    scroller.addEventListener('scroll', look, { passive: true })
    addEventListener('resize', look)
    return () => {
      scroller.removeEventListener('scroll', look)
      removeEventListener('resize', look)
    }
  }, [few, count])
  return few ? [0, count] : [Math.min(seen[0], count), Math.min(seen[1], count)]
}

/** Brings a row into sight and gives it the focus, once it is there. */
function reveal(body: HTMLElement | null, row: number, tries = 3): void {
  const found = body?.querySelector<HTMLElement>(`[data-row="${row}"]`)
  if (found) {
    found.focus({ preventScroll: true })
    found.scrollIntoView({ block: 'nearest' })
  } else if (body && tries > 0) {
    const scroller = body.closest<HTMLElement>('.list, .body, section')
    if (scroller) scroller.scrollTop = row * ROW
    requestAnimationFrame(() => reveal(body, row, tries - 1))
  }
}
