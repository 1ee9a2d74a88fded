/**
 * `?` becomes `$1`, `$2`, … as PostgreSQL wants them, but not inside strings, quoted names and comments. (Operators
 * that are written with a question mark, such as those of jsonb, have names too: `jsonb_exists(…)`.)
 */
export function numbered(sql: string): string {
  if (!sql.includes('?')) return sql
  let text = texts.get(sql)
  if (text === undefined) {
    text = translate(sql)
    if (texts.size >= KEPT) texts.clear()
    texts.set(sql, text)
  }
  return text
}

const texts = new Map<string, string>()
const KEPT = 2_000

/** What may hold a question mark that is no parameter: strings, escaped strings, quoted names, dollar quotes, comments. */
const SKIPPED =
  /(?<![\w$])[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(?<![\w$])\$(?<tag>[A-Za-z_]\w*|)\$[\s\S]*?\$\k<tag>\$|--[^\n]*|\/\*|\?/g

function translate(sql: string): string {
  let text = ''
  let from = 0
  let count = 0
  SKIPPED.lastIndex = 0
  for (let match = SKIPPED.exec(sql); match !== null; match = SKIPPED.exec(sql)) {
    if (match[0] === '?') {
      text += `${sql.slice(from, match.index)}$${++count}`
      from = SKIPPED.lastIndex
    } else if (match[0] === '/*') SKIPPED.lastIndex = endOfComment(sql, SKIPPED.lastIndex)
  }
  return text + sql.slice(from)
}

/** Comments nest in PostgreSQL. */
function endOfComment(sql: string, from: number): number {
  const marks = /\/\*|\*\//g
  marks.lastIndex = from
  for (let depth = 1; depth > 0;) {
    const mark = marks.exec(sql)
    if (mark === null) return sql.length
    depth += mark[0] === '/*' ? 1 : -1
  }
  return marks.lastIndex
}
