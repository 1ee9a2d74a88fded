import { copyUnknown, wireOf } from '../../contract/contract.ts'

const { check } = wireOf(undefined, 'input')

/**
 * An input as it is now, for a call that is not sent at once: meanwhile the object is the caller's again. What cannot
 * travel stays what it is, to be refused in the words it is always refused in.
 */
export function kept(input: unknown): unknown {
  return check(input) === undefined ? copyUnknown(input) : input
}
