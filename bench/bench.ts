/**
 * What a benchmark is: `bench/<name>/<name>.ts` exports a function `bench` of this type, and `peers = false` when it
 * imports none.
 */
export type Bench = (context: BenchContext) => Promise<BenchResult>

export type BenchContext = {
  /** Says what is being done, as it is done. */
  readonly progress: (line: string) => void
  /**
   * Imports a peer: a package that only `bench/` depends on. Its types are not known here on purpose, so that the
   * tree can be checked where peers are not installed.
   */
  readonly peer: (name: string) => Promise<unknown>
  /** Asked for with `--database`: measure on it, beside what is measured without. */
  readonly database?: 'postgres'
}

export type BenchResult = {
  /** Two things measured in this run, one over the other; the name says which is which. */
  readonly ratios: Readonly<Record<string, number>>
  /** What was measured, each with its unit in its name: `events_per_second`, `p99_ms`. A list holds the single runs. */
  readonly figures: Readonly<Record<string, number | readonly number[]>>
  /** Lines for people, of at most 80 columns, that say the same more readably; not part of the JSON. */
  readonly shown?: readonly string[]
}
