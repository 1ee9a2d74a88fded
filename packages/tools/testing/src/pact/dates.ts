/** Formats of dates and times in the letters of Java's `DateTimeFormatter`, which pacts are written in, as readers of text. */

/** Undefined when the format has a letter that is not known. */
export function dateReader(format: string): ((text: string) => boolean) | undefined {
  let source = ''
  for (const [piece, quoted, letters] of format.matchAll(/'((?:[^']|'')*)'|(([a-zA-Z])\3*)|[^a-zA-Z']/g)) {
    if (quoted !== undefined) source += quoted === '' ? "'" : escaped(quoted.replaceAll("''", "'"))
    else if (letters === undefined) source += piece === '[' ? '(?:' : piece === ']' ? ')?' : escaped(piece)
    else {
      const part = partOf(letters[0]!, letters.length)
      if (part === undefined) return undefined
      source += part
    }
  }
  try {
    const pattern = new RegExp(`^${source}$`)
    return (text) => text.length < 200 && isDay(pattern.exec(text)?.groups, pattern, text)
  } catch {
    // A bracket that is not closed.
    return undefined
  }
}

function partOf(letter: string, count: number): string | undefined {
  const two = (from: string): string => (count === 1 ? `(?:0?${from})` : `(?:${from})`)
  switch (letter) {
    case 'y':
    case 'u':
    case 'Y':
      return count === 2 ? '\\d{2}' : '(?<year>\\d{4,9})'
    case 'M':
    case 'L':
      return count >= 3 ? NAME : `(?<month>${count === 1 ? '1[0-2]|0?[1-9]' : '1[0-2]|0[1-9]'})`
    case 'd':
      return `(?<day>${count === 1 ? '3[01]|[12]\\d|0?[1-9]' : '3[01]|[12]\\d|0[1-9]'})`
    case 'D':
      return '\\d{1,3}'
    case 'H':
      return count === 1 ? '(?:2[0-3]|1\\d|0?\\d)' : '(?:2[0-3]|[01]\\d)'
    case 'k':
      return count === 1 ? '(?:2[0-4]|1\\d|0?[1-9])' : '(?:2[0-4]|1\\d|0[1-9])'
    case 'h':
      return count === 1 ? '(?:1[0-2]|0?[1-9])' : '(?:1[0-2]|0[1-9])'
    case 'K':
      return count === 1 ? '(?:1[01]|0?\\d)' : '(?:1[01]|0\\d)'
    case 'm':
    case 's':
      return two(count === 1 ? '[0-5]?\\d' : '[0-5]\\d')
    case 'S':
      return `\\d{${count}}`
    case 'n':
    case 'A':
    case 'N':
      return '\\d+'
    case 'a':
      return '(?:[aApP][mM])'
    case 'E':
    case 'c':
      return NAME
    case 'e':
    case 'F':
      return '[1-7]'
    case 'w':
    case 'W':
      return '\\d{1,2}'
    case 'G':
      return '[A-Za-z ]+'
    case 'Z':
      return count === 5 ? '(?:Z|[+-]\\d{2}:\\d{2}(?::\\d{2})?)' : '[+-]\\d{4}'
    case 'X':
    case 'x':
      return `(?:${letter === 'X' ? 'Z|' : ''}[+-]\\d{2}${['(?:\\d{2})?', '\\d{2}', ':\\d{2}'][Math.min(count, 3) - 1]})`
    case 'z':
    case 'V':
    case 'v':
    case 'O':
      return '[A-Za-z_/+:\\d-]+'
    default:
      return undefined
  }
}

const NAME = '[\\p{L}.]+'.replace('\\p{L}', 'A-Za-zÀ-ɏ')

/** A day of its month: there is no 31 June. */
function isDay(groups: Readonly<Record<string, string | undefined>> | undefined, pattern: RegExp, text: string): boolean {
  if (!pattern.test(text)) return false
  const { year = '2000', month, day } = groups ?? {}
  if (month === undefined || day === undefined) return true
  return Number(day) <= new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
