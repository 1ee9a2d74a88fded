import { CallError } from '../contract/contract.ts'
import type { Tables } from './columns.ts'

/** A word, sign, name or parameter of a statement; what is inside strings and comments is none. */
export type Token = {
  /** Words in lower case. */
  readonly text: string
  /** As the SQL standard has it: what is not quoted is in lower case. */
  readonly name?: string | undefined
  readonly written?: string | undefined
  readonly quoted?: boolean
  /** Where it begins. */
  readonly at: number
  /** From 0. */
  readonly parameter?: number
}

const TOKEN =
  /[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?<quoted>(?:[^"]|"")*)"|\$(?<tag>[A-Za-z_]\w*|)\$[\s\S]*?\$\k<tag>\$|--[^\n]*|\/\*[\s\S]*?\*\/|[?$](?<number>\d+)|(?<mark>\?)|(?<word>[\p{L}_][\p{L}\p{N}_$]*)|(?<value>\d[\w.]*)|[<>=!|:+*/%~-]+|[^\s]/gu

export function tokensOf(sql: string): readonly Token[] {
  const tokens: Token[] = []
  let count = 0
  for (const { 0: text, index: at, groups: found } of sql.matchAll(TOKEN)) {
    const { quoted, number, mark, word } = found!
    if (quoted !== undefined) {
      const name = quoted.replaceAll('""', '"')
      tokens.push({ at, text, name, written: name, quoted: true })
    } else if (word !== undefined) tokens.push({ at, text: word.toLowerCase(), name: word.toLowerCase(), written: word })
    else if (number !== undefined) tokens.push({ at, text, parameter: Number(number) - 1 })
    else if (mark !== undefined) tokens.push({ at, text, parameter: count++ })
    else if (!/^(?:--|\/\*)/.test(text)) tokens.push({ at, text })
  }
  return tokens
}

/** Bytes of a name; PostgreSQL cuts off the rest without asking. */
const LONGEST = 63

/** Words that PostgreSQL (reserved, or reserved but for functions and types) or SQLite takes for a name in quotes only. */
export const RESERVED: ReadonlySet<string> = new Set(
  `add all alter analyse analyze and any array as asc asymmetric authorization autoincrement between binary both
  case cast check collate collation column commit concurrently constraint create cross current_catalog
  current_date current_role current_schema current_time current_timestamp current_user default deferrable delete
  desc distinct do drop else end escape except exists false fetch for foreign freeze from full grant group having
  if ilike in index initially inner insert intersect into is isnull join lateral leading left like limit
  localtime localtimestamp natural not nothing notnull null offset on only or order outer overlaps placing
  primary raise references returning right select session_user set similar some symmetric system_user table
  tablesample then to trailing transaction true union unique update user using values variadic verbose when where
  window with`.split(/\s+/),
)

const CONSTRAINT =
  /^(?:(?:primary|foreign) key|unique (?:\(|nulls|using)|check \(|exclude (?:\(|using)|constraint \S+ [a-z]|like (?!(?:text|integer|int|bigint|boolean|numeric|real|blob|json|varchar)\b)\S+ ?(?:\)|,|including|excluding))/
/** What may stand before a name, each in its place. */
const FILLERS = {
  create: ['concurrently', 'if not exists'],
  alter: ['if exists', 'only'],
  add: ['column', 'if not exists'],
} as const

/**
 * The names of tables and columns that a text defines, as they are written.
 * @throws {CallError} FAILED_PRECONDITION for one that an engine would cut off, or take for something else
 */
export function definedNames(sql: string): ReadonlySet<string> {
  const tokens = tokensOf(sql)
  const defined = new Set<string>()
  const define = (token: Token | undefined): void => {
    if (token?.written !== undefined) defined.add(checked(token, token.written))
  }
  const named: Named = (at, after) => {
    let found = at
    for (const filler of FILLERS[after]) {
      const end = found + filler.split(' ').length
      const words = tokens.slice(found, end).map(({ text }) => text)
      if (words.join(' ') === filler && tokens[end]?.written !== undefined) found = end
    }
    return tokens[found + 1]?.text === '.' ? found + 2 : found
  }
  for (const [i, { text }] of tokens.entries()) {
    if (text === 'table' && creates(tokens, i)) {
      const at = named(i + 1, 'create')
      define(tokens[at])
      if (tokens[at + 1]?.text === '(') defineColumns(tokens, at + 2, define)
    } else if ((text === 'index' || text === 'view') && creates(tokens, i)) {
      const at = named(i + 1, 'create')
      if (tokens[at]?.text !== 'on') define(tokens[at])
    } else if (text === 'alter' && tokens[i + 1]?.text === 'table') defineMore(tokens, named(i + 2, 'alter') + 1, named, define)
  }
  return defined
}

/**
 * A text for an engine that has what is not in quotes in lower case: names with capital letters get their quotes, so that
 * they are what queries call them. @param names those that there are
 */
export function quoted(sql: string, names: ReadonlySet<string>): string {
  if (names.size === 0) return sql
  let text = ''
  let from = 0
  for (const { at, written, quoted: already } of tokensOf(sql)) {
    if (already === true || written === undefined || !MIXED.test(written) || !names.has(written)) continue
    text += `${sql.slice(from, at)}"${written}"`
    from = at + written.length
  }
  return text + sql.slice(from)
}

const MIXED = /\p{Lu}/u

type Named = (at: number, after: keyof typeof FILLERS) => number

function constrains(tokens: readonly Token[], at: number): boolean {
  return CONSTRAINT.test([0, 1, 2].map((i) => tokens[at + i]?.text ?? '').join(' '))
}

function creates(tokens: readonly Token[], at: number): boolean {
  for (let i = at - 1; i >= Math.max(0, at - 3); i--) if (tokens[i]!.text === 'create') return true
  return false
}

function defineColumns(tokens: readonly Token[], from: number, define: (token: Token) => void): void {
  const names = new Map<string, string>()
  for (let at = from, depth = 1, first = true; depth > 0 && at < tokens.length; at++) {
    const token = tokens[at]!
    const { text, written = '' } = token
    if (first && !constrains(tokens, at)) {
      define(token)
      const other = names.get(written.toLowerCase())
      if (other !== undefined && other !== written)
        throw misnamed(token, `differs from "${other}" in case alone`, 'give it another name')
      names.set(written.toLowerCase(), written)
    }
    if (text === '(') depth++
    else if (text === ')') depth--
    first = depth === 1 && text === ','
  }
}

function defineMore(tokens: readonly Token[], from: number, named: Named, define: (token: Token | undefined) => void): void {
  for (let at = from; at < tokens.length && tokens[at]!.text !== ';'; at++) {
    const { text } = tokens[at]!
    if (text === 'add') {
      const next = named(at + 1, 'add')
      if (!constrains(tokens, next)) define(tokens[next])
    } else if (text === 'rename') {
      while (at < tokens.length && tokens[at]!.text !== 'to') at++
      define(tokens[at + 1])
    }
  }
}

function checked(token: Token, name: string): string {
  if (Buffer.byteLength(name) > LONGEST)
    throw misnamed(token, `is longer than ${LONGEST} bytes, and PostgreSQL would cut it off`, 'make it shorter')
  if (token.quoted !== true && RESERVED.has(token.text))
    throw misnamed(
      token,
      'is a reserved word of PostgreSQL or SQLite',
      `give it another name, or write it "${token.text}", in quotes, wherever it stands`,
    )
  if (token.quoted !== true && name !== name.toLowerCase() && name === name.toUpperCase())
    throw misnamed(
      token,
      `is in capitals without quotes: PostgreSQL would make "${name.toLowerCase()}" of it`,
      `name it "${name.toLowerCase()}", or write it "${name}", in quotes`,
    )
  return name
}

/** Names in quotes that are spelt otherwise than they are, as one engine finds them and another does not. */
export function checkSpelling(tokens: readonly Token[], tables: Tables): void {
  const names = namesOf(tables)
  const spelt = new Map([...names].map((name) => [name.toLowerCase(), name]))
  const given = new Set(tokens.flatMap(({ name }, i) => (tokens[i - 1]?.text === 'as' ? [name] : [])))
  for (const token of tokens) {
    const { name = '' } = token
    if (token.quoted !== true || names.has(name) || given.has(name)) continue
    const right = spelt.get(name.toLowerCase())
    if (right !== undefined) throw misnamed(token, 'is not spelt as it was defined', `write "${right}"`)
  }
}

export function namesOf(tables: Tables): ReadonlySet<string> {
  return new Set([...tables].flatMap(([table, columns]) => [table, ...columns.keys()]))
}

function misnamed({ written }: Token, what: string, advice: string): CallError {
  return new CallError('FAILED_PRECONDITION', `The name "${written}" ${what}. To do: ${advice}`, { inside: true })
}
