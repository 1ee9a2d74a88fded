import { CallError, DeclaredError } from '../../contract/contract.ts'
import type { CallContext } from '../context.ts'
import { hasNotBegun } from '../failure.ts'
import type { Member } from './member.ts'

/** What a failed call says of the instance that it went to. */
export type Outcome = 'answered' | 'failed' | 'stalled' | 'unknown'

/** @param stallAfter milliseconds a call must have had for its missed deadline to count */
export function outcomeOf(error: unknown, context: CallContext, stallAfter: number): Outcome {
  if (error instanceof DeclaredError) return 'answered'
  if (!(error instanceof CallError)) return 'failed'
  switch (error.code) {
    case 'UNAVAILABLE':
    case 'INTERNAL':
    case 'UNKNOWN':
    case 'DATA_LOSS':
      return 'failed'
    case 'DEADLINE_EXCEEDED':
      return context.deadline - context.sentAt >= stallAfter ? 'stalled' : 'unknown'
    // Neither the caller's own end nor a limit says whether the instance is well.
    case 'CANCELLED':
    case 'RESOURCE_EXHAUSTED':
      return 'unknown'
    default:
      return 'answered'
  }
}

/** Whether the call has not left this process, because the connection to the member is down. */
export function isOutOfReach(error: unknown, member: Member): boolean {
  return error instanceof CallError && hasNotBegun(error) && member.slot.peer.state() === 'down'
}

/**
 * Only what could not be reached is sent again; and only if it may happen twice, or if it surely has not begun. So is what
 * was turned away by an instance, though to others only. An answer, whatever it says, is an answer.
 */
export function isSafeToRepeat(error: unknown, repeatable: boolean): boolean {
  if (!(error instanceof CallError)) return false
  return (error.code === 'UNAVAILABLE' && (repeatable || hasNotBegun(error))) || isTurnedAway(error)
}

/**
 * Whether an instance had no place for the call, or is of a release that does not have the operation: another one may, and asking
 * it again helps nobody.
 */
export function isTurnedAway(error: unknown): boolean {
  return isUnknownThere(error) || (error instanceof CallError && error.code === 'RESOURCE_EXHAUSTED' && hasNotBegun(error))
}

export function isUnknownThere(error: unknown): boolean {
  return error instanceof CallError && error.code === 'UNIMPLEMENTED' && hasNotBegun(error)
}
