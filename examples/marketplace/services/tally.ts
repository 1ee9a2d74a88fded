/** Counts by name, from rows of a GROUP BY. */
export function tallyOf(rows: readonly { readonly name: string; readonly count: number }[]): Record<string, number> {
  return Object.fromEntries(rows.map(({ name, count }) => [name, count]))
}
