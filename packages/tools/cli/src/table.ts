import { padTo, split, textWidth } from './width.ts'

/** Lays rows out in columns that fit the width: two spaces between, the widest cells wrapped when they must be. */
export function table(
  rows: readonly (readonly string[])[],
  options: { readonly width: number; readonly indent?: string },
): string {
  const { indent = '' } = options
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) => Math.max(...rows.map((row) => textWidth(row[column] ?? ''))))
  shrink(widths, options.width - indent.length - 2 * (columns - 1))
  return rows.map((row) => layOut(row, widths, indent)).join('\n')
}

const NARROWEST = 12

/** Takes from the widest column, a character at a time, until all fit or none can give. */
function shrink(widths: number[], room: number): void {
  for (let total = widths.reduce((sum, width) => sum + width, 0); total > room; total--) {
    const widest = widths.indexOf(Math.max(...widths))
    if (widths[widest]! <= NARROWEST) return
    widths[widest]!--
  }
}

function layOut(row: readonly string[], widths: readonly number[], indent: string): string {
  const cells = row.map((cell, column) => wrap(cell, widths[column]!))
  const height = Math.max(1, ...cells.map((lines) => lines.length))
  const lines: string[] = []
  for (let line = 0; line < height; line++) {
    const texts = cells.map((cell, column) => padTo(cell[line] ?? '', widths[column]!))
    lines.push(`${indent}${texts.join('  ')}`.trimEnd())
  }
  return lines.join('\n')
}

/** Breaks at spaces, and inside a word only when the word is wider than the column. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (let word of text.split(' ')) {
    if (line !== '' && textWidth(line) + 1 + textWidth(word) > width) {
      lines.push(line)
      line = ''
    }
    while (textWidth(word) > width) {
      const [head, rest] = split(word, width)
      lines.push(head)
      word = rest
    }
    line = line === '' ? word : `${line} ${word}`
  }
  lines.push(line)
  return lines
}
