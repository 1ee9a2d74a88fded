import { inspect, stripVTControlCharacters } from 'node:util'
import { describeThrown, isInstance, partOf } from 'dure/contract/internal'

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

/** What runs on in a dead process comes upon files that were closed; nobody is there to look at that. */
export function comesFromClosed(error: unknown): boolean {
  for (let one = error; isInstance(one, Error); one = partOf(one, 'cause')) {
    if (partOf(one, 'code') === 'ERR_INVALID_STATE') return true
  }
  return false
}
