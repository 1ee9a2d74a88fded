/**
 * What stands behind a row of the pattern language. A row works when a user can start it, see it and test it: it
 * then links its code, its guide and the tests that break it. A row that is begun links what is there so far. A row
 * that is not here does not work yet, and its page says so.
 */
export type Proof = {
  readonly state: 'works' | 'begun'
  /** What of the row is meant, when it is not all of it. */
  readonly part?: { readonly en: string; readonly ko: string }
  /** Paths from the root of the repository. */
  readonly code: readonly string[]
  readonly guide?: string
  /** Tests that show the failure as well as the success. */
  readonly tests: readonly string[]
}
