import { CallError, type AnyOperation, type Principal } from '../contract/contract.ts'
import { lacking, needsPrincipal } from '../contract/internal.ts'

/** Why somebody may not call an operation; undefined when they may. */
export type AccessCheck = (principal: Principal | undefined) => CallError | undefined
/** Why somebody may not call it with this input; undefined when they may. */
export type InputCheck = (principal: Principal | undefined, input: unknown) => CallError | undefined

/** Why a service may not call another; undefined when it may. */
export type CallerCheck = (caller: string | undefined) => CallError | undefined

/** By what a list of callers names whoever calls from outside of all services. */
export const OUTSIDE_CALLERS = 'doors'

/** Who may call whom, as the system says: the same for all operations of a service, whatever its placement. */
export function callerCheck(place: string, callers: readonly string[] | undefined): CallerCheck | undefined {
  if (callers === undefined) return undefined
  const allowed = new Set(callers)
  const [callee = ''] = place.split('.')
  return (caller = OUTSIDE_CALLERS) => {
    if (allowed.has(caller)) return undefined
    const who = caller === OUTSIDE_CALLERS ? 'a caller at its doors' : `service "${caller}"`
    const words = `Call to ${place} was refused: ${who} may not call service "${callee}"; add "${caller}" to "${callee}" in "allow" of the system if it is to`
    return new CallError('PERMISSION_DENIED', words, { details: { caller, callee } })
  }
}

/** What stands before an operation that is not for anybody. A service of this system that acts for itself may do everything. */
export function accessCheck(
  place: string,
  operation: Pick<AnyOperation, 'access' | 'scope' | 'roles' | 'authorize'>,
): AccessCheck | undefined {
  if (!needsPrincipal(operation)) return undefined
  const { scope, roles } = operation
  const refuse = (code: 'UNAUTHENTICATED' | 'PERMISSION_DENIED', needs: string, found: string, details: object): CallError =>
    new CallError(code, `Call to ${place} was refused: it needs ${needs}, ${found}`, { details: { ...details } })
  return (principal) => {
    if (principal === undefined) {
      const needs = scope !== undefined ? `the scope "${scope}"` : 'a caller who says who it is'
      return refuse(
        'UNAUTHENTICATED',
        needs,
        'and nobody has said who asks; send credentials',
        scope === undefined ? {} : { scope },
      )
    }
    const lack = lacking(principal, operation)
    if (lack === 'scope')
      return refuse(
        'PERMISSION_DENIED',
        `the scope "${scope}"`,
        'which its caller does not have; ask for it where scopes are given out',
        { scope },
      )
    if (lack === 'roles' && roles !== undefined) {
      const needs = roles.length === 1 ? `the role "${roles[0]}"` : `one of the roles "${roles.join('", "')}"`
      return refuse('PERMISSION_DENIED', needs, 'which its caller does not have; ask for it where roles are given out', { roles })
    }
    return undefined
  }
}

/** What the contract itself says of a caller and its input, asked when all else is well. */
export function inputCheck(place: string, { authorize }: Pick<AnyOperation, 'authorize'>): InputCheck | undefined {
  if (authorize === undefined) return undefined
  const asked = authorize as (principal: Principal, input: unknown) => unknown
  return (principal, input) =>
    // Nobody comes this far but with a principal. Anything but true, a promise for instance, lets nobody in.
    principal === undefined || (principal.kind !== 'service' && asked(principal, input) !== true)
      ? new CallError('PERMISSION_DENIED', `Call to ${place} was refused: its caller may not do this with such an input`)
      : undefined
}
