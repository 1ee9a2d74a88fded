/** Help as the command-line library writes it, folded to the width of the terminal. */
import { stripVTControlCharacters as plainOf } from 'node:util'

/** A row of flags or arguments: what is typed, a gap, what it does. */
const ROW = /^ +(?:-\w +)?(?:\[?--\S*|\S+?)(?:\.\.\.)? {2,}(?=\S)/
const NARROWEST = 40

export function isHelp(text: string): boolean {
  return plainOf(text).startsWith('USAGE')
}

export function fitHelp(text: string, columns: number): string {
  const width = Math.max(columns, NARROWEST)
  return text
    .split('\n')
    .flatMap((line) => (widthOf(line) <= width ? line : fold(closed(line), width)))
    .join('\n')
}

/** Defaults and choices stand in a column of their own, far to the right: they fit behind what the flag does. */
function closed(line: string): string {
  const gap = line.lastIndexOf('  ')
  const last = line.slice(gap).trimStart()
  return gap > 0 && plainOf(last).startsWith('[') ? `${line.slice(0, gap).trimEnd()} ${last}` : line
}

function fold(line: string, width: number): readonly string[] {
  const hanging = ' '.repeat(hangingOf(line))
  const lines: string[] = []
  let current = ''
  // What has no room in one piece is broken where it can be.
  const words = wordsOf(line).flatMap((word) => (hanging.length + widthOf(word) > width ? (word.match(/\S+ */g) ?? word) : word))
  for (const word of words) {
    if (current.trim() !== '' && widthOf(current) + widthOf(word.trimEnd()) > width) {
      lines.push(current.trimEnd())
      current = hanging
    }
    current += word
  }
  return [...lines, current.trimEnd()]
}

/** Where a line goes on: under what a flag does, behind the command it is about, or where it began. */
function hangingOf(line: string): number {
  const plain = plainOf(line)
  if (/^ +dure /.test(plain)) return 7
  return ROW.exec(plain)?.[0].length ?? /^ */.exec(plain)![0].length
}

/** With the spaces around them; `[--data DIR]` stays in one piece, and so does what a terminal takes for a colour. */
function wordsOf(line: string): readonly string[] {
  // oxlint-disable-next-line no-control-regex -- colours begin with one
  return line.match(/^ +|(?:\u001b\[[\d;]*m|\[(?:\u001b\[[\d;]*m|[^\]])*\]|[^ ])+ */g) ?? [line]
}

function widthOf(text: string): number {
  return plainOf(text).length
}
