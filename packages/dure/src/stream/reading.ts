/** One cell of a key, as the store has it. */
export type CellState = { readonly at: number; readonly value: unknown }

/** Both included, milliseconds since the epoch. `watermark`: that of the task whose state it is. */
export type Span = { readonly from: number; readonly to: number; readonly watermark: number }

/** What people see of an operator's cells: the values of a key. */
export type Reading = {
  /** The cells that a value is made of are as near as this to when it begins; milliseconds, Infinity where they have no times. */
  readonly reach: number
  /** Those that begin in the span, in order; of windows, those that are open or in their grace. `cells`: in order of time. */
  readonly values: (cells: readonly CellState[], key: string, span: Span) => Iterable<unknown>
}

/** One value of each cell. */
export function eachCell(valueOf: (state: unknown, key: string) => unknown): Reading {
  return { reach: Infinity, values: (cells, key) => cells.map(({ value }) => valueOf(value, key)) }
}
