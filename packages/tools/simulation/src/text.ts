/**
 * Text in the columns of a terminal: wide characters take two, colours none. One layout for every table that Dure's tools
 * show.
 */
import textWidth from 'fast-string-width'
import { wrapAnsi } from 'fast-wrap-ansi'

/** Columns that a text takes. */
export { textWidth }

export type TableOptions = {
  /** What a line may take; Infinity for all that it needs. */
  readonly columns: number
  readonly indent?: string
  /** Columns that stand to the right, as numbers do. */
  readonly right?: readonly number[]
  /** Columns that are shortened in the middle when there is no room; without any, the widest cells are wrapped, between words while that will do. */
  readonly shorten?: readonly number[]
}

/** Lays rows out in columns, two spaces between: one text for each row, of several lines where cells are wrapped. */
export function table(rows: readonly (readonly string[])[], options: TableOptions): readonly string[] {
  const { indent = '', right = [], shorten: yielding } = options
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, at) => Math.max(...rows.map((row) => textWidth(row[at] ?? ''))))
  const room = options.columns - indent.length - 2 * (count - 1)
  const all = [...widths.keys()]
  if (yielding === undefined) {
    const words = all.map((at) =>
      Math.max(12, ...rows.map((row) => Math.max(...(row[at] ?? '').split(/\s+/).map((word) => textWidth(word))))),
    )
    shrink(widths, room, all, words)
  }
  shrink(
    widths,
    room,
    yielding ?? all,
    all.map(() => (yielding === undefined ? 12 : 8)),
  )
  return rows.map((row) => {
    const cells = widths.map((width, at) => {
      const cell = row[at] ?? ''
      return yielding?.includes(at) === true ? [shortenMiddle(cell, width)] : wrap(cell, width)
    })
    const height = Math.max(...cells.map((lines) => lines.length))
    return Array.from({ length: height }, (_, line) => {
      const texts = cells.map((lines, at) => padTo(lines[line] ?? '', widths[at]!, right.includes(at)))
      return `${indent}${texts.join('  ')}`.trimEnd()
    }).join('\n')
  })
}

/** Takes from the widest of the columns that give way, until all fit or none can give. */
function shrink(widths: number[], room: number, yielding: readonly number[], narrowest: readonly number[]): void {
  for (let excess = widths.reduce((sum, width) => sum + width, 0) - room; excess > 0; excess--) {
    const [first, ...others] = yielding.filter((at) => widths[at]! > narrowest[at]!)
    if (first === undefined) return
    widths[others.reduce((best, at) => (widths[at]! > widths[best]! ? at : best), first)]!--
  }
}

/** A text behind what it is about: lines that do not fit go on under where it began. */
export function hang(head: string, text: string, columns: number): string {
  const width = textWidth(head)
  return head + wrap(text, Math.max(24, columns - width)).join(`\n${' '.repeat(width)}`)
}

/** Lines of a text that fit: broken at spaces, and inside a word only when the word is wider. */
export function wrap(text: string, width: number): readonly string[] {
  return textWidth(text) <= width ? [text] : wrapAnsi(text, width, { hard: true }).split('\n')
}

/** The text with spaces up to a width: after it, or before it. */
export function padTo(text: string, width: number, before: boolean = false): string {
  const spaces = ' '.repeat(Math.max(0, width - textWidth(text)))
  return before ? spaces + text : text + spaces
}

/** As much of the text as fits, with an ellipsis when that is not all of it. */
export function shorten(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  return width <= 0 ? '' : `${beginning(text, width - 1)}…`
}

/** The beginning and the end of a text, with an ellipsis between them when it does not fit: names differ at both. */
export function shortenMiddle(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  const tail = Math.max(0, Math.floor((width - 1) / 2))
  const start = [...GRAPHEMES.segment(text)].find(({ index }) => textWidth(text.slice(index)) <= tail)?.index ?? text.length
  return shorten(text, width - tail) + text.slice(start)
}

/** As many graphemes as fit. */
function beginning(text: string, width: number): string {
  const end = [...GRAPHEMES.segment(text)].find(({ index, segment }) => textWidth(text.slice(0, index + segment.length)) > width)
  return text.slice(0, end?.index)
}

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** `1 seed`, `2 seeds`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
