/** What is asked of the logs, as an expression of FTS5 and conditions beside it. */
import { LEVELS, type LogLevel } from '../record.ts'
import { levelTag, serviceTag, traceTag, untagged } from './segment.ts'

export type LogFilter = {
  /**
   * Words that all have to be there; in quotes, next to each other; with `-` before it, not there; with `*` behind it, as a
   * beginning.
   */
  readonly words?: string | undefined
  /** This level and those above. */
  readonly level?: LogLevel | undefined
  readonly service?: string | undefined
  readonly traceId?: string | undefined
  /** Milliseconds since the epoch: from then on, and before then. */
  readonly from?: number | undefined
  readonly to?: number | undefined
}

export type LogQuery = {
  /** Of FTS5; undefined: every line. */
  readonly match: string | undefined
  readonly where: readonly string[]
  readonly values: readonly (string | number)[]
}

/** Words that are looked at. */
const MOST_WORDS = 32
const TOKEN = /[\p{L}\p{N}\p{Co}\p{M}]+/gu
/** Languages whose words grow at their end, or stand without spaces: a word is found by its beginning. */
const GROWS = /(?!\p{Script=Latin})\p{L}/u
const PLACE = "(body || ' ' || attributes)"

export function logQuery(filter: LogFilter): LogQuery {
  const terms: string[] = []
  const where: string[] = []
  const values: (string | number)[] = []
  const { level, service, traceId, from, to } = filter
  const rank = level === undefined ? 0 : LEVELS.indexOf(level)
  if (rank > 0)
    terms.push(
      `(${LEVELS.slice(rank)
        .map((_, i) => `"${levelTag(rank + i)}"`)
        .join(' OR ')})`,
    )
  if (service !== undefined) terms.push(`"${serviceTag(service)}"`)
  if (traceId !== undefined) terms.push(`"${traceTag(traceId.toLowerCase().replaceAll(/[^0-9a-f]/g, ''))}"`)
  for (const { text, isPhrase, isNot, isBeginning } of wordsOf(filter.words ?? '')) {
    const tokens = text.match(TOKEN) ?? []
    if (isNot || tokens.length === 0) {
      where.push(`instr(lower(${PLACE}), ?) ${isNot ? '= 0' : '> 0'}`)
      values.push(text.toLowerCase())
      continue
    }
    for (const [i, token] of tokens.entries()) {
      const open = isBeginning && i === tokens.length - 1
      terms.push(`"${token}"${open || GROWS.test(token) ? '*' : ''}`)
    }
    // The index does not know which words are beside each other; the lines do.
    if (isPhrase || tokens.length > 1) {
      where.push(`instr(lower(${PLACE}), ?) > 0`)
      values.push(text.toLowerCase())
    }
  }
  if (from !== undefined) {
    where.push('time >= ?')
    values.push(Math.round(from * 1_000))
  }
  if (to !== undefined) {
    where.push('time < ?')
    values.push(Math.round(to * 1_000))
  }
  return { match: terms.length === 0 ? undefined : terms.join(' AND '), where, values }
}

type Word = { readonly text: string; readonly isPhrase: boolean; readonly isNot: boolean; readonly isBeginning: boolean }

function wordsOf(words: string): readonly Word[] {
  return [...untagged(words).matchAll(/(-?)(?:"([^"]*)"?|(\S+))/g)].slice(0, MOST_WORDS).flatMap(([, not, quoted, plain]) => {
    const isBeginning = quoted === undefined && plain!.length > 1 && plain!.endsWith('*')
    const text = quoted ?? (isBeginning ? plain!.slice(0, -1) : plain!)
    return text === '' ? [] : [{ text, isPhrase: quoted !== undefined, isNot: not === '-', isBeginning }]
  })
}
/** Whether a line is one of those, for whoever follows them as they come. */
export function matcherOf(filter: LogFilter): (line: Tailed) => boolean {
  const rank = filter.level === undefined ? 0 : LEVELS.indexOf(filter.level)
  const words = wordsOf(filter.words ?? '').map((word) => ({ ...word, text: word.text.toLowerCase() }))
  return (line) => {
    if (LEVELS.indexOf(line.level) < rank) return false
    if (filter.service !== undefined && line.service !== filter.service) return false
    if (filter.traceId !== undefined && line.traceId !== filter.traceId) return false
    if (words.length === 0) return true
    const text = `${line.body} ${JSON.stringify(line.attributes)}`.toLowerCase()
    return words.every((word) => text.includes(word.text) !== word.isNot)
  }
}

type Tailed = {
  readonly level: LogLevel
  readonly service: string
  readonly traceId?: string | undefined
  readonly body: string
  readonly attributes: object
}
