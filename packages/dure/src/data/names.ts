import { CallError } from '../contract/contract.ts'
import type { Tables } from './columns.ts'

/** A name as it stands in a text, in quotes or not. */
const ANY_NAME = String.raw`(?:"(?:[^"]|"")*"|[\p{L}_][\p{L}\p{N}_$]*)`
export const NAME: string = `(${ANY_NAME})`
/** The schema that may stand before the name of a table. */
export const OF: string = String.raw`(?:${ANY_NAME} \. )?`
const ALIAS = new RegExp(` as ${NAME}`, 'giu')

/** Comments nest in PostgreSQL. */
function commentOf(inner: string): string {
  return String.raw`\/\*(?:[^*/]|\*(?!\/)|\/(?!\*)${inner})*(?:\*\/|$)`
}

const TOKEN = new RegExp(
  String.raw`[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|\$(?<tag>[A-Za-z_]\w*|)\$[\s\S]*?\$\k<tag>\$|(?<comment>--[^\n]*|${commentOf(`|${commentOf(`|${commentOf('')}`)}`)})|[?$](?<number>\d+)|(?<mark>\?)|(?<name>${ANY_NAME})|\d[\w.]*|[<>=!|:+*/%~-]+|\S`,
  'gu',
)

/**
 * A text as one line of its words, a space between: names as they are written, a parameter as `?` and its number from 0, a
 * string as `''`, without comments. What is asked of a text is asked of this line, by patterns.
 */
export function lineOf(sql: string): string {
  const words: string[] = []
  let count = 0
  for (const { 0: text, groups } of sql.matchAll(TOKEN)) {
    const { comment, number, mark } = groups!
    if (number !== undefined) words.push(`?${Number(number) - 1}`)
    else if (mark !== undefined) words.push(`?${count++}`)
    else if (comment === undefined) words.push(/^(?:[eE]?'|\$.*\$)/s.test(text) ? "''" : text)
  }
  return words.join(' ')
}

/** What a name in a text is called: what is not in quotes is in lower case, as the SQL standard has it. */
export function nameOf(written: string): string {
  return written.startsWith('"') ? plain(written) : written.toLowerCase()
}

const plain = (written: string): string => (written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written)

/** Names that a statement gives to something. */
export function aliasesOf(line: string): ReadonlySet<string> {
  return new Set(Array.from(line.matchAll(ALIAS), ([, alias]) => nameOf(alias!)))
}

/** What stands in the parentheses that a line begins with, apart at its commas, and what comes behind them. */
export function listOf(line: string): { readonly items: readonly string[]; readonly rest: string } {
  const items: string[][] = [[]]
  let depth = 0
  for (const { 0: word, index } of line.matchAll(/"(?:[^"]|"")*"|[^ ]+/g)) {
    if (word === ')' && --depth === 0) return { items: items.map((each) => each.join(' ')), rest: line.slice(index + 2) }
    if (word === ',' && depth === 1) items.push([])
    else if (depth > 0) items.at(-1)!.push(word)
    if (word === '(') depth++
  }
  return { items: [], rest: '' }
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
  /^(?:(?:primary|foreign) key|unique (?:\(|nulls|using)|check \(|exclude (?:\(|using)|constraint \S+ [a-z]|like (?!(?:text|integer|int|bigint|boolean|numeric|real|blob|json|varchar)\b)\S+(?:$| including| excluding))/i
const CREATE = new RegExp(
  `create (?:\\w+ ){0,3}?(?:table|view|index(?! (?:concurrently )?(?:if not exists )?on )) (?:concurrently )?(?:if not exists )?${OF}${NAME}(?= ?(\\(.*)?)`,
  'giu',
)
const ALTER = new RegExp(`alter table (?:if exists )?(?:only )?${OF}${ANY_NAME} ([^;]*)`, 'giu')
const ADD = /\badd (?:column )?(?:if not exists )?(?=(.*))/giu
const RENAME = new RegExp(`rename (?:.*? )??to ${NAME}`, 'iu')
const FIRST = new RegExp(`^${NAME}`, 'u')

/**
 * The names of tables and columns that a text defines, as they are written.
 * @throws {CallError} FAILED_PRECONDITION for one that an engine would cut off, or take for something else
 */
export function definedNames(sql: string): ReadonlySet<string> {
  const line = lineOf(sql)
  const defined = new Set<string>()
  const define = (written: string | undefined): void => {
    if (written !== undefined) defined.add(checked(written))
  }
  /** Of a definition that is no constraint. */
  const defineColumn = (definition: string): string => {
    const [, written] = (CONSTRAINT.test(definition) ? null : FIRST.exec(definition)) ?? []
    define(written)
    return plain(written ?? '')
  }
  for (const [, name, columns = ''] of line.matchAll(CREATE)) {
    define(name)
    const names = new Map<string, string>()
    for (const column of listOf(columns).items.map(defineColumn)) {
      const other = names.get(column.toLowerCase())
      if (other !== undefined && other !== column)
        throw misnamed(column, `differs from "${other}" in case alone`, 'give it another name')
      names.set(column.toLowerCase(), column)
    }
  }
  for (const [, change = ''] of line.matchAll(ALTER)) {
    for (const [, definition = ''] of change.matchAll(ADD)) defineColumn(definition)
    define(RENAME.exec(change)?.[1])
  }
  return defined
}

/**
 * A text for an engine that has what is not in quotes in lower case: names with capital letters get their quotes, so that
 * they are what queries call them. @param names those that there are
 */
export function quoted(sql: string, names: ReadonlySet<string>): string {
  if (names.size === 0) return sql
  return sql.replace(TOKEN, (text) => (/\p{Lu}/u.test(text) && names.has(text) ? `"${text}"` : text))
}

/**
 * `?` becomes `$1`, `$2`, … as PostgreSQL wants them, but not inside strings, quoted names and comments. (Operators
 * that are written with a question mark, such as those of jsonb, have names too: `jsonb_exists(…)`.)
 */
export function numbered(sql: string): string {
  if (!sql.includes('?')) return sql
  let text = numberedTexts.get(sql)
  if (text === undefined) {
    let count = 0
    text = sql.replace(TOKEN, (token) => (token === '?' ? `$${++count}` : token))
    if (numberedTexts.size >= 2_000) numberedTexts.clear()
    numberedTexts.set(sql, text)
  }
  return text
}

const numberedTexts = new Map<string, string>()

function checked(written: string): string {
  const name = plain(written)
  if (Buffer.byteLength(name) > LONGEST)
    throw misnamed(name, `is longer than ${LONGEST} bytes, and PostgreSQL would cut it off`, 'make it shorter')
  if (written !== name) return name
  const lower = name.toLowerCase()
  if (RESERVED.has(lower))
    throw misnamed(
      name,
      'is a reserved word of PostgreSQL or SQLite',
      `give it another name, or write it "${lower}", in quotes, wherever it stands`,
    )
  if (name !== lower && name === name.toUpperCase())
    throw misnamed(
      name,
      `is in capitals without quotes: PostgreSQL would make "${lower}" of it`,
      `name it "${lower}", or write it "${name}", in quotes`,
    )
  return name
}

/** Names in quotes that are spelt otherwise than they are, as one engine finds them and another does not. */
export function checkSpelling(line: string, tables: Tables): void {
  const names = namesOf(tables)
  const spelt = new Map([...names].map((name) => [name.toLowerCase(), name]))
  const aliases = aliasesOf(line)
  for (const [written] of line.matchAll(/"(?:[^"]|"")*"/g)) {
    const name = plain(written)
    const right = spelt.get(name.toLowerCase())
    if (right === undefined || names.has(name) || aliases.has(name)) continue
    throw misnamed(name, 'is not spelt as it was defined', `write "${right}"`)
  }
}

export function namesOf(tables: Tables): ReadonlySet<string> {
  return new Set([...tables].flatMap(([table, columns]) => [table, ...columns.keys()]))
}

function misnamed(name: string, what: string, advice: string): CallError {
  return new CallError('FAILED_PRECONDITION', `The name "${name}" ${what}. To do: ${advice}`, { inside: true })
}
