/** Help as the command-line library writes it, folded to the width of the terminal. */
import { stripVTControlCharacters as plainOf } from 'node:util'
import { hang, textWidth } from '@dure/simulation/text/internal'

const NARROWEST = 40

export function isHelp(text: string): boolean {
  return plainOf(text).startsWith('USAGE')
}

export function fitHelp(text: string, columns: number): string {
  const width = Math.max(columns, NARROWEST)
  return text
    .split('\n')
    .map((line) => (textWidth(line) <= width ? line : fold(closed(line), width)))
    .join('\n')
}

/** Defaults and choices stand in a column of their own, far to the right: they fit behind what the flag does. */
function closed(line: string): string {
  const gap = line.lastIndexOf('  ')
  const last = line.slice(gap).trimStart()
  return gap > 0 && plainOf(last).startsWith('[') ? `${line.slice(0, gap).trimEnd()} ${last}` : line
}

/** `[--data DIR]` stays in one piece where there is room for it. */
function fold(line: string, width: number): string {
  const [plain = ''] = HEAD.exec(plainOf(line)) ?? []
  // With what colours it, which is no part of what is seen.
  const head = new RegExp(`^(?:${COLOR}*[^\u001B]){${plain.length}}`).exec(line)?.[0] ?? ''
  const glue = (text: string): string => (textWidth(text) <= width - textWidth(head) ? text.replaceAll(' ', GLUE) : text)
  return hang(head, line.slice(head.length).replaceAll(/\[[^\]]*\]/g, glue), width).replaceAll(GLUE, ' ')
}

/** What a line goes on behind: what is typed of a flag or argument, the command it is about, or the spaces it begins with. */
const HEAD = /^(?: +(?:-\w +)?(?:\[?--\S*|\S+?)(?:\.\.\.)? {2,}(?=\S)| +\S*dure\S* | *)/
/** What a terminal takes for a colour. */
const COLOR = '(?:\\u001B\\[[\\d;]*m)'
/** A space that lines are not broken at. */
const GLUE = '\u00A0'
