import { JetStreamApiError } from '@nats-io/jetstream'
import { AuthorizationError, errors } from '@nats-io/nats-core'
import { CallError } from 'dure/contract'

/** Codes of JetStream for want of room: memory, storage, streams, consumers, messages under way. */
const FULL = new Set([10_002, 10_023, 10_026, 10_027, 10_047, 10_028, 10_077])

/** Trouble with the server in words: what, where, what to do. It never holds what somebody connects with. */
export function explained(action: string, where: string, error: unknown): CallError {
  if (error instanceof CallError) return error
  const of = (code: CallError['code'], why: string): CallError =>
    new CallError(code, `Cannot ${action}: ${why}`, { cause: error, inside: true })
  const text = error instanceof Error ? error.message : String(error)
  if (error instanceof AuthorizationError || error instanceof errors.UserAuthenticationExpiredError)
    return of('UNAUTHENTICATED', `the server at ${where} does not accept these credentials; correct "credentials"`)
  if (error instanceof errors.PermissionViolationError)
    return of('PERMISSION_DENIED', `${text}; give this user the permission in the configuration of the server`)
  if (error instanceof JetStreamApiError) {
    if (FULL.has(error.code)) return of('RESOURCE_EXHAUSTED', `${text}; give JetStream more room, or keep less`)
    return of(error.status === 503 ? 'UNAVAILABLE' : 'FAILED_PRECONDITION', `JetStream at ${where} refused it: ${text}`)
  }
  if (error instanceof errors.NoRespondersError || (error instanceof errors.RequestError && error.isNoResponders()))
    return of('UNAVAILABLE', `nobody answers at ${where}; JetStream may be starting, or its stream has been deleted`)
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = String((cause as NodeJS.ErrnoException | undefined)?.code ?? '')
  if (/CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO/.test(code) || /certificate|TLS|SSL/i.test(text))
    return of('UNAVAILABLE', `TLS with the server at ${where} failed: ${text}; look at its certificate and at "tls"`)
  // A stream that could not write once says nothing to whoever publishes, also when its disk has room again.
  const late =
    error instanceof errors.TimeoutError
      ? ', and at its log: once its disk was full, it takes nothing until it is started again'
      : ''
  return of('UNAVAILABLE', `no answer from ${where} (${text}); look whether the server runs there and can be reached${late}`)
}
