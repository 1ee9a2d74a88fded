/** Changes to a text that leave the rest of it as its author wrote it: indents, ends of lines, comments, quotes. */
import { codeOf, groupAt, type Group } from './code.ts'

export type Item = {
  readonly item: string
  /** Has lines of its own; else it stands with the others where these are in one line. */
  readonly block?: boolean
  /** What stands between two. In types the ends of lines do as well. */
  readonly between?: ',' | ';'
}

/** Adds to the end of a list, an object or a type. */
export function withItem(text: string, { open, close }: Group, { item, block = false, between = ',' }: Item): string {
  const code = codeOf(text)
  const inner = code.slice(open + 1, close)
  const last = open + 1 + inner.trimEnd().length
  // Comments behind the last one stay with it.
  const end = open + 1 + text.slice(open + 1, close).trimEnd().length
  const base = indentOf(text, open)
  const lines = text.slice(open, close).includes('\n')
  const closed = last === open + 1 || [between, ','].includes(code[last - 1]!)
  if (!lines && !block) {
    const space = last === open + 1 ? '' : closed ? ' ' : `${between} `
    return text.slice(0, end) + space + item + text.slice(end)
  }
  const first = open + 1 + inner.search(/\S/)
  const within = lines && last > open + 1 && text.slice(open, first).includes('\n') ? indentOf(text, first) : `${base}  `
  const newline = eolOf(text)
  // A type's members may end with their lines.
  const own = between === ';' && lines && !closed ? '' : between
  const put = item
    .split('\n')
    .map((line) => (line === '' ? '' : within + line))
    .join(newline)
  const before =
    last === open + 1 || lines ? text.slice(open + 1, last) : `${newline}${within}${text.slice(open + 1, last).trimStart()}`
  const mark = closed ? '' : own
  return `${text.slice(0, open + 1)}${before}${mark}${text.slice(last, end)}${newline}${put}${own}${newline}${base}${text.slice(close)}`
}

/** A module's named imports: where its braces are, and whether they are of types alone. */
const NAMED = /^import\s+(type\s+)?\{[^}]*\}\s*from\s*(['"])(_*)\2;?/gm
const ANY = /^import\b[^'"]*(['"])_*\1(?:\s*with\s*\{[^}]*\})?(;?)/gm

/** Has a module import a value. Undefined when the name means something else there. */
export function withImport(text: string, name: string, from: string): string | undefined {
  const code = codeOf(text)
  const word = new RegExp(`(?<![.\\w$])${name}(?![\\w$])`)
  for (const { index, 0: found, 1: ofTypes, 3: blank = '' } of code.matchAll(NAMED)) {
    const open = index + found.indexOf('{')
    const group = groupAt(code, open)!
    const names = code.slice(open + 1, group.close).split(',')
    const end = index + found.replace(/;$/, '').length - 1
    const same = text.slice(end - blank.length, end) === from && ofTypes === undefined
    const [has] = names.filter((each) => word.test(each))
    if (same && has?.trim() === name) return text
    if (has !== undefined) return undefined
    if (same && !declares(code, name)) return withItem(text, group, { item: name })
  }
  if (declares(code, name)) return undefined
  const all = [...code.matchAll(ANY)]
  const last = all.at(-1)
  const [quote = "'", semicolon = ''] = last === undefined ? [] : [last[1], last[2]]
  const line = `import { ${name} } from ${quote}${from}${quote}${semicolon}`
  if (last === undefined) return `${line}${eolOf(text)}${text}`
  const end = last.index + last[0].length
  return `${text.slice(0, end)}${eolOf(text)}${line}${text.slice(end)}`
}

/** Whether a module gives the name to something of its own, or imports something as it. */
export function declares(code: string, name: string): boolean {
  return new RegExp(
    `\\b(?:const|let|var|function\\*?|class|type|interface)\\s+${name}(?![\\w$])|^import\\b[^'"]*(?<![.\\w$])${name}(?![\\w$])`,
    'm',
  ).test(code)
}

/** Puts lines before the statement that something stands in. */
export function withLinesBefore(text: string, at: number, lines: string): string {
  const code = codeOf(text)
  const starts = [...code.matchAll(/^(?:export\s|const\s)/gm)].filter(({ index }) => index <= at)
  const start = saidBefore(text, starts.at(-1)?.index ?? 0)
  const newline = eolOf(text)
  return `${text.slice(0, start)}${lines.replaceAll('\n', newline)}${newline}${newline}${text.slice(start)}`
}

/** What is said of a statement, in comments right above it, goes along with it. */
function saidBefore(text: string, statement: number): number {
  let start = statement
  for (;;) {
    const line = text.slice(text.lastIndexOf('\n', start - 2) + 1, start)
    if (start === 0 || !/^\s*(?:\/[/*]|\*)/.test(line)) return start
    start -= line.length
  }
}

export const eolOf = (text: string): string => (text.includes('\r\n') ? '\r\n' : '\n')

function indentOf(text: string, at: number): string {
  return /^[ \t]*/.exec(text.slice(text.lastIndexOf('\n', at - 1) + 1))![0]
}
