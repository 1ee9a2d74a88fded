import { CallError } from '../contract/contract.ts'
import { columnOf, holdable, type Column, type Tables } from './columns.ts'
import type { SqlValue } from './database.ts'
import { unholdable } from './errors.ts'
import { aliasesOf, checkSpelling, definedNames, lineOf, listOf, NAME, nameOf, namesOf, OF, quoted } from './names.ts'

/** Makes of a statement's parameters what its engine is sent. @throws {CallError} INVALID_ARGUMENT, naming parameter and column */
export type Bind = (parameters: readonly unknown[]) => SqlValue[]

/**
 * What the parameters of a store's statements may be, the same on every engine. An engine of its own accord would round,
 * convert or keep what another refuses, so a value is held against the type that its column was declared with. Worked out
 * once for a statement's text: what is compared with a column, put in it by INSERT or UPDATE, or added to it.
 */
export type Binding = {
  readonly of: (sql: string) => Bound
  /** The tables that there are from now on; without them, values are checked as far as any column would. */
  readonly learn: (tables: Tables | undefined) => void
}

/** @param text what the engine is sent */
export type Bound = { readonly bind: Bind; readonly text: string }

const CAPACITY = 2_000

/**
 * @param options.loose what becomes of a value whose column is not known
 * @param options.names `any case` where the engine finds names however they are written, `lower case` where it takes what is not
 * in quotes for lower case
 */
export function createBinding({
  loose = (value) => value,
  names = 'lower case',
}: {
  readonly loose?: (value: SqlValue) => SqlValue
  readonly names?: 'any case' | 'lower case'
} = {}): Binding {
  const all = new Map<string, Bound>()
  let tables: Tables | undefined
  let capitals: ReadonlySet<string> = new Set()
  const learn: Binding['learn'] = (now) => {
    tables = now
    capitals = new Set(now === undefined ? [] : [...namesOf(now)].filter((name) => name !== name.toLowerCase()))
    all.clear()
  }
  const make = (sql: string): Bound => {
    // Dure's own statements are written for both engines.
    if (sql.includes('dure_')) return { text: sql, bind: bindLoosely(undefined, (value) => value) }
    const defined = DEFINES.test(sql) ? definedNames(sql) : undefined
    const text = names === 'any case' ? sql : quoted(sql, defined === undefined ? capitals : new Set([...capitals, ...defined]))
    // Until they are learnt anew.
    if (defined !== undefined) learn(undefined)
    if (tables === undefined) return { text, bind: bindLoosely(undefined, loose) }
    const line = lineOf(text)
    if (names === 'any case') checkSpelling(line, tables)
    return { text, bind: bindLoosely(slotsOf(line, tables), loose) }
  }
  return {
    learn,
    of: (sql) => {
      let bound = all.get(sql)
      if (bound === undefined) {
        bound = make(sql)
        if (all.size >= CAPACITY) all.clear()
        all.set(sql, bound)
      }
      return bound
    },
  }
}

const DEFINES = /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*(?:create|alter|drop)\b/i

type Slot = { readonly name: string; readonly column: Column }

function bindLoosely(slots: readonly (Slot | undefined)[] | undefined, loose: (value: SqlValue) => SqlValue): Bind {
  return (parameters) => {
    const bound: SqlValue[] = []
    for (let i = 0; i < parameters.length; i++) {
      const value = checked(parameters[i], i)
      const slot = slots?.[i]
      if (value === null) bound.push(null)
      else if (slot === undefined) bound.push(loose(typeof value === 'boolean' ? Number(value) : value))
      else {
        const found = slot.column(value)
        if (typeof found === 'object' && !(found instanceof Uint8Array)) throw unfit(i, slot.name, found.holds, value)
        bound.push(found)
      }
    }
    return bound
  }
}

const INT64 = 2n ** 63n

/** What no column of any engine holds is refused, whatever the statement. */
function checked(value: unknown, i: number): SqlValue | boolean {
  switch (typeof value) {
    case 'number':
      if (!Number.isFinite(value)) throw unholdable(i, value)
      return value
    case 'string':
      if (!holdable(value)) throw unholdable(i, value)
      return value
    case 'boolean':
      return value
    case 'bigint':
      if (value >= INT64 || value < -INT64) throw unholdable(i, value)
      return value
    default:
      if (value === null || value instanceof Uint8Array) return value
      throw unholdable(i, value)
  }
}

function unfit(index: number, column: string, holds: string, value: unknown): CallError {
  const text =
    value instanceof Uint8Array ? 'bytes' : `${typeof value} ${JSON.stringify(String(value).slice(0, 60).toWellFormed())}`
  return new CallError(
    'INVALID_ARGUMENT',
    `Running a statement failed: parameter ${index + 1} is ${text}, and the column "${column}" holds ${holds}`,
    { details: { column } },
  )
}

/** A column and what it is compared with, or what is put in it or added to it, as a whole operand. */
const MEETS = new RegExp(
  `${NAME} (?:(=|<|>|<=|>=|<>|!=|\\+|-|\\*) \\?(\\d+)(?= [,);]| (?:and|or|where|from|returning|on|order|group|limit|as|then|end|else|when|union|for)\\b|$)` +
    `|(?:not )?(?:in \\(|between(?: [^? ]+ and)?) (\\?\\d+(?: (?:,|and) \\?\\d+)*))`,
  'giu',
)
const INSERT = new RegExp(`into ${OF}${NAME}(?: as ${NAME})?(?: \\(([^)]*)\\))? values (?=(.*))`, 'giu')

/** The column that each parameter of a statement meets. */
function slotsOf(line: string, tables: Tables): readonly (Slot | undefined)[] {
  const slots: (Slot | undefined)[] = []
  const put = (parameter: string, name: string, type: string | undefined, compared: boolean): void => {
    const column = type === undefined ? undefined : columnOf(type, compared)
    if (column !== undefined) slots[Number(parameter)] = { name, column }
  }
  const words = new Set(Array.from(line.matchAll(new RegExp(NAME, 'gu')), ([name]) => nameOf(name)))
  const used = [...tables].filter(([table]) => words.has(table)).map(([, columns]) => columns)
  // A name that the statement gives to something else may be that.
  const aliases = aliasesOf(line)
  const clauses = [...line.matchAll(/(?:^| )(set|where|returning|from) /giu)]
  for (const { 1: written = '', 2: operator, 3: operand, 4: list, index } of line.matchAll(MEETS)) {
    const name = nameOf(written)
    const [type = '', ...others] = new Set(used.flatMap((columns) => columns.get(name) ?? []))
    if (type === '' || others.length > 0 || aliases.has(name)) continue
    if (list !== undefined) for (const [, each = ''] of list.matchAll(/\?(\d+)/g)) put(each, name, type, true)
    else if (!/[-+*]/.test(operator!) || /int/i.test(type)) {
      const [, clause = ''] = clauses.findLast(({ index: at }) => at < index) ?? []
      put(operand!, name, type, !(operator === '=' && clause.toLowerCase() === 'set'))
    }
  }
  // `table (column, …) VALUES (?, …), …`: the parameters that are a value by themselves.
  for (const [, table = '', , given, values = ''] of line.matchAll(INSERT)) {
    const columns = tables.get(nameOf(table))
    if (columns === undefined) continue
    const names = given === undefined ? [...columns.keys()] : given.trim().split(' , ').map(nameOf)
    for (let row = values; row.startsWith('(');) {
      const { items, rest } = listOf(row)
      for (const [i, item] of items.entries()) {
        const name = names[i] ?? ''
        if (/^\?\d+$/.test(item)) put(item.slice(1), name, columns.get(name), false)
      }
      row = rest.startsWith(', ') ? rest.slice(2) : ''
    }
  }
  return slots
}
