import { inspect, stripVTControlCharacters } from 'node:util'
import { describeThrown, isInstance } from 'dure/contract/internal'

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
  return stripVTControlCharacters(
    isInstance(error, Error) || typeof error === 'string' ? describeThrown(error).message : inspected(error),
  )
}

function inspected(value: unknown): string {
  try {
    return inspect(value)
  } catch {
    return describeThrown(value).message
  }
}
