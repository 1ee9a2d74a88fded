import { clone } from 'dure/call/internal'
import { CallError, DeclaredError } from 'dure/contract'

/** A failure as its caller may see it, sharing nothing. */
export function carriedFailure(error: unknown): Error {
  if (error instanceof DeclaredError) {
    const { code, message, status } = error
    return new DeclaredError({ code, message, status, data: clone(error.data) })
  }
  if (error instanceof CallError) {
    return new CallError(error.code, error.message, { details: clone(error.details) as CallError['details'] })
  }
  return new CallError('INTERNAL', 'Call failed inside the service; its log says why')
}
