import { Query, type FieldDef } from 'pg'
import { serialize } from 'pg-protocol'
import type { SqlRow, SqlValue } from 'dure/data'
import { endsSession, sqlState } from './errors.ts'
import { narrowNumerics, valueTypes } from './values.ts'

export type Answer = { readonly rows: readonly SqlRow[]; readonly changed: number }

/** With the first word of what the server calls it. */
export type Tagged = Answer & { readonly tag: string }

export type Statement = {
  /** Of one that is prepared on its session. */
  readonly name: string | undefined
  readonly text: string
  readonly values: readonly SqlValue[]
  readonly resolve: (answer: Tagged) => void
  readonly reject: (error: unknown) => void
}

/** The columns of an answer. */
type Shape = {
  readonly fields: readonly FieldDef[]
  readonly parsers: readonly ((text: string) => SqlValue)[]
  readonly empty: Readonly<Record<string, null>>
}

/** Statements that a session has prepared, by name. Their answers keep their columns: the server refuses one whose would change. */
export type PreparedStatements = Map<string, Shape>

/**
 * Statements that the server is sent and answers in one go: behind one that fails nothing of it is carried out. Each `pg` would
 * send by itself asks for an answer of its own, which on both sides costs as much as a small statement does; and what the
 * columns of a prepared one are it would ask every time. It is a class because `pg` takes its own in a pipeline only.
 */
export class Batch extends Query {
  /** What `pg` is told when it is over, where it measures the time. */
  declare readonly callback?: (error: unknown) => void
  readonly #prepared: PreparedStatements
  readonly #statements: { readonly statement: Statement; described: boolean }[] = []
  /** The one that is answered next, … */
  #at = 0
  /** … and what has come of its answer. */
  #shape: Shape | undefined
  #rows: SqlRow[] = []
  #unreadable: { readonly error: unknown } | undefined

  constructor(prepared: PreparedStatements) {
    super('')
    this.#prepared = prepared
  }

  add(statement: Statement): void {
    this.#statements.push({ statement, described: false })
  }

  override submit = ({ stream }: { readonly stream: { readonly write: (bytes: Buffer) => unknown } }): Error | null => {
    try {
      stream.write(Buffer.concat([...this.#statements.flatMap((each) => this.#messagesOf(each)), serialize.sync()]))
      return null
    } catch (error) {
      return error as Error
    }
  }

  #messagesOf(each: { readonly statement: Statement; described: boolean }): Buffer[] {
    const { name = '', text, values } = each.statement
    const bound = serialize.bind({ statement: name, values: values as SqlValue[], valueMapper: textOf })
    each.described = !this.#prepared.has(name)
    if (!each.described) return [bound, serialize.execute()]
    // One that failed may have been prepared or not.
    const closed = name === '' ? [] : [serialize.close({ type: 'S', name })]
    return [...closed, serialize.parse({ name, text }), bound, serialize.describe({ type: 'P' }), serialize.execute()]
  }

  handleRowDescription({ fields }: { readonly fields: readonly FieldDef[] }): void {
    this.#shape = shapeOf(fields)
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    try {
      this.#rows.push(rowOf(this.#shapeOfCurrent(), fields))
    } catch (error) {
      this.#unreadable ??= { error }
    }
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    const { statement, described } = this.#statements[this.#at]!
    const shape = this.#shapeOfCurrent()
    const [rows, unreadable] = [this.#rows, this.#unreadable]
    this.#at++
    this.#shape = undefined
    this.#rows = []
    this.#unreadable = undefined
    if (described && statement.name !== undefined) this.#prepared.set(statement.name, shape)
    if (unreadable !== undefined) return statement.reject(unreadable.error)
    if (rows.length > 0) narrowNumerics(shape.fields, rows as Record<string, SqlValue>[])
    const [, tag = '', first, second] = TAG.exec(text) ?? []
    statement.resolve({ rows, changed: Number(second ?? first ?? 0), tag })
  }

  handleEmptyQuery(): void {
    this.handleCommandComplete({ text: '' })
  }

  handleError(error: unknown): void {
    const left = this.#statements.slice(this.#at)
    this.#at = this.#statements.length
    // Those behind it were not carried out, as the server says of what it is sent next.
    const passing = sqlState(error) !== undefined && !endsSession(error)
    for (const [i, { statement, described }] of left.entries()) {
      if (described && statement.name !== undefined) this.#prepared.delete(statement.name)
      statement.reject(i === 0 || !passing ? error : notCarriedOut(error))
    }
    this.callback?.(error)
  }

  handleReadyForQuery(): void {
    if (this.#at < this.#statements.length) return this.handleError(new Error('The server has not answered a statement'))
    this.callback?.(null)
  }

  #shapeOfCurrent(): Shape {
    return this.#shape ?? this.#prepared.get(this.#statements[this.#at]!.statement.name ?? '') ?? NOTHING
  }
}

/** `INSERT 0 1`, `SELECT 5`, `COMMIT`. */
const TAG = /^([A-Za-z]+)(?: (\d+))?(?: (\d+))?/

const NOTHING: Shape = { fields: [], parsers: [], empty: {} }

function shapeOf(fields: readonly FieldDef[]): Shape {
  return {
    fields,
    parsers: fields.map(({ dataTypeID }) => valueTypes.getTypeParser(dataTypeID)),
    empty: Object.fromEntries(fields.map(({ name }) => [name, null])),
  }
}

function rowOf({ fields, parsers, empty }: Shape, values: readonly (string | null)[]): SqlRow {
  const row: Record<string, SqlValue> = { ...empty }
  for (let i = 0; i < values.length; i++) {
    const text = values[i]!
    row[fields[i]!.name] = text === null ? null : parsers[i]!(text)
  }
  return row
}

function textOf(value: SqlValue): string | Buffer | null {
  if (value === null || typeof value === 'string') return value
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : String(value)
}

/** As the server says it of what comes behind one that failed. */
function notCarriedOut(cause: unknown): Error {
  const said = { code: ABORTED, severity: 'ERROR' }
  return Object.assign(new Error('It was not carried out, because a statement before it failed', { cause }), said)
}

/** The state of a transaction in which a statement has failed. */
export const ABORTED = '25P02'
