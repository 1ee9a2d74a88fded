import { CallError, type Principal } from '../contract/contract.ts'

/** Why somebody may not call an operation; undefined when they may. */
export type ScopeCheck = (principal: Principal | undefined) => CallError | undefined

/** What stands before an operation that needs a scope. A service of this system that acts for itself may do everything. */
export function scopeCheck(place: string, scope: string | undefined): ScopeCheck | undefined {
  if (scope === undefined) return undefined
  return (principal) => {
    if (principal !== undefined && (principal.kind === 'service' || principal.scopes.includes(scope))) return undefined
    const [code, found] =
      principal === undefined
        ? (['UNAUTHENTICATED', 'and nobody has said who asks; send credentials'] as const)
        : (['PERMISSION_DENIED', 'which its caller does not have; ask for it where scopes are given out'] as const)
    return new CallError(code, `Call to ${place} was refused: it needs the scope "${scope}", ${found}`, { details: { scope } })
  }
}
