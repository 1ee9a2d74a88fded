import { inspect, stripVTControlCharacters } from 'node:util'

/** An invariant that does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly invariant: string

  constructor(invariant: string, message: string) {
    super(message)
    this.invariant = invariant
  }
}

/** What was thrown, in words; assertions colour theirs at a terminal. */
export function messageOf(error: unknown): string {
  return stripVTControlCharacters(error instanceof Error ? error.message : typeof error === 'string' ? error : inspect(error))
}
