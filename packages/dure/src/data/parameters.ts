import { CallError } from '../contract/contract.ts'
import { columnOf, holdable, type Column, type Tables } from './columns.ts'
import type { SqlValue } from './database.ts'
import { unholdable } from './errors.ts'
import { checkSpelling, definedNames, namesOf, quoted, tokensOf, type Token } from './names.ts'

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

const KEPT = 2_000

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
    const tokens = tokensOf(text)
    if (names === 'any case') checkSpelling(tokens, tables)
    return { text, bind: bindLoosely(slotsOf(tokens, tables), loose) }
  }
  return {
    learn,
    of: (sql) => {
      let bound = all.get(sql)
      if (bound === undefined) {
        bound = make(sql)
        if (all.size >= KEPT) all.clear()
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

const COMPARES: ReadonlySet<string> = new Set(['=', '<', '>', '<=', '>=', '<>', '!='])
const ADDS: ReadonlySet<string> = new Set(['+', '-', '*'])
/** What may stand behind a parameter that is a whole operand. */
const ENDS: ReadonlySet<string> = new Set([
  ...',);',
  'and',
  'or',
  'where',
  'from',
  'returning',
  'on',
  'order',
  'group',
  'limit',
  'as',
  'then',
  'end',
  'else',
  'when',
  'union',
  'for',
])

/** The column that each parameter of a statement meets. */
function slotsOf(tokens: readonly Token[], tables: Tables): readonly (Slot | undefined)[] {
  const slots: (Slot | undefined)[] = []
  const put = (token: Token | undefined, name: string | undefined, type: string | undefined, compared: boolean): void => {
    const column = token?.parameter === undefined || type === undefined ? undefined : columnOf(type, compared)
    if (column !== undefined) slots[token!.parameter!] = { name: name!, column }
  }
  const used = [...tables].filter(([table]) => tokens.some(({ name }) => name === table)).map(([, columns]) => columns)
  // A name that the statement gives to something else may be that.
  const given = new Set(tokens.flatMap(({ name }, i) => (tokens[i - 1]?.text === 'as' && name !== undefined ? [name] : [])))
  const typeOf = (name: string | undefined): string | undefined => {
    if (name === undefined || given.has(name)) return undefined
    const [type, ...others] = new Set(used.flatMap((columns) => columns.get(name) ?? []))
    return others.length === 0 ? type : undefined
  }
  let setting = false
  for (const [i, { text, name }] of tokens.entries()) {
    if (text === 'set') setting = true
    else if (text === 'where' || text === 'returning' || text === 'from') setting = false
    if (text === 'into') insertion(tokens, i + 1, tables, put)
    const type = typeOf(name)
    const next = tokens[i + 1]
    if (type === undefined || next === undefined) continue
    const operand = tokens[i + 2]
    const whole = ENDS.has(tokens[i + 3]?.text ?? ';')
    if (COMPARES.has(next.text) && whole) put(operand, name, type, !(setting && next.text === '='))
    else if (ADDS.has(next.text) && whole && /int/i.test(type)) put(operand, name, type, true)
    else if (next.text === 'between') {
      put(operand, name, type, true)
      if (tokens[i + 3]?.text === 'and') put(tokens[i + 4], name, type, true)
    } else {
      const list = i + (next.text === 'not' ? 2 : 1)
      if (tokens[list]?.text !== 'in' || tokens[list + 1]?.text !== '(') continue
      for (let at = list + 2; tokens[at]?.parameter !== undefined; at += 2) put(tokens[at], name, type, true)
    }
  }
  return slots
}

/** `table (column, …) VALUES (?, …), …`: the parameters that are a value by themselves. */
function insertion(
  tokens: readonly Token[],
  from: number,
  tables: Tables,
  put: (token: Token | undefined, name: string, type: string | undefined, compared: boolean) => void,
): void {
  let at = from
  if (tokens[at + 1]?.text === '.') at += 2
  const columns = tables.get(tokens[at++]?.name ?? '')
  if (columns === undefined) return
  if (tokens[at]?.text === 'as') at += 2
  let names = [...columns.keys()]
  if (tokens[at]?.text === '(') {
    names = []
    for (at++; tokens[at] !== undefined && tokens[at - 1]!.text !== ')'; at += 2) names.push(tokens[at]!.name ?? '')
  }
  if (tokens[at++]?.text !== 'values') return
  for (let depth = 0, column = 0; at < tokens.length; at++) {
    const { text, parameter } = tokens[at]!
    const [before, after] = [tokens[at - 1]!.text, tokens[at + 1]?.text ?? '']
    if (text === '(' && depth++ === 0) column = 0
    else if (text === ')') depth--
    else if (text === ',' && depth === 1) column++
    else if (depth === 0 && text !== ',') return
    if (parameter === undefined || depth !== 1 || (before !== '(' && before !== ',') || (after !== ')' && after !== ',')) continue
    const name = names[column] ?? ''
    put(tokens[at], name, columns.get(name), false)
  }
}
