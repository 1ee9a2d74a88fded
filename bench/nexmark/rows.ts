/** A row of a result: what a query says, column by column. */
export type Row = readonly (string | number)[]

/** Rows that only one side has; those that both have, as often, are gone. */
export type Difference = { readonly onlyFirst: readonly string[]; readonly onlySecond: readonly string[]; readonly count: number }

/** A row as text by which it is compared. Averages agree in four decimals: the last digits of a quotient are nobody's promise. */
export function rowText(row: Row): string {
  return row.map((cell) => (typeof cell === 'number' && !Number.isInteger(cell) ? cell.toFixed(4) : String(cell))).join('\t')
}

/** Compares two results without regard to order; rows may come in parts. At most `shown` rows of each side are said. */
export function comparison(shown = 3): {
  readonly first: (rows: Iterable<string>) => void
  readonly second: (rows: Iterable<string>) => void
  readonly difference: () => Difference
} {
  const counts = new Map<string, number>()
  const add = (rows: Iterable<string>, by: 1 | -1): void => {
    for (const row of rows) {
      const count = (counts.get(row) ?? 0) + by
      if (count === 0) counts.delete(row)
      else counts.set(row, count)
    }
  }
  return {
    first: (rows) => add(rows, 1),
    second: (rows) => add(rows, -1),
    difference: () => {
      const side = (sign: number): readonly string[] =>
        [...counts]
          .filter(([, count]) => Math.sign(count) === sign)
          .map(([row]) => row)
          .toSorted()
          .slice(0, shown)
      const count = [...counts.values()].reduce((sum, one) => sum + Math.abs(one), 0)
      return { onlyFirst: side(1), onlySecond: side(-1), count }
    },
  }
}
