import { CallError } from '../contract/contract.ts'
import { copyPrincipal, wrongPrincipal } from '../contract/internal.ts'
import type { DoorCalls, Security } from './host.ts'

/** What doors ask who sends a request; undefined when there is nobody to ask. */
export function createAuthenticate(security: Security | undefined): DoorCalls['authenticate'] {
  if (security === undefined || security === 'off') return undefined
  const { authenticate } = security
  return async (credentials) => {
    const principal = await authenticate(credentials)
    if (principal === undefined) return undefined
    const wrong =
      wrongPrincipal(principal) ??
      (principal.kind === 'service' ? 'is of kind "service", which nobody from outside is; give "user" or "client"' : undefined)
    if (wrong === undefined) return copyPrincipal(principal)
    throw new CallError('INTERNAL', `The system's \`authenticate\` answered with a principal that cannot be used: it ${wrong}`, {
      inside: true,
    })
  }
}
