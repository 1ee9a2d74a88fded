import { CallError, type Status } from 'dure/contract'
import { describeThrown, partOf } from 'dure/contract/internal'
import { CONNECTION_FAILURES } from 'dure/messaging/adapter'

/** What the first word of Redis's refusal means, and what to do. */
const REFUSALS: Readonly<Record<string, readonly [Status, string]>> = {
  WRONGPASS: ['UNAUTHENTICATED', 'it does not know this user and password; correct `credentials`'],
  NOAUTH: ['UNAUTHENTICATED', 'it asks for a password; give `credentials`'],
  NOPERM: ['PERMISSION_DENIED', "the user may not do that; give it the commands of the guide's ACL"],
  OOM: [
    'RESOURCE_EXHAUSTED',
    'its memory is full, and it has taken nothing; raise `maxmemory`, keep topics for less time, or have the slow groups read',
  ],
  MISCONF: ['UNAVAILABLE', 'it cannot write to its disk and takes nothing; see its log'],
  READONLY: ['UNAVAILABLE', 'it is a replica; connect to the primary'],
  LOADING: ['UNAVAILABLE', 'it is loading its data; try again'],
  MASTERDOWN: ['UNAVAILABLE', 'it is a replica without its primary; connect to the primary'],
  BUSY: ['UNAVAILABLE', 'a script holds it up; try again'],
  NOREPLICAS: ['UNAVAILABLE', 'it has fewer replicas than `min-replicas-to-write` asks for'],
  MOVED: ['FAILED_PRECONDITION', 'it is in cluster mode; use a server that is not'],
  WRONGTYPE: ['FAILED_PRECONDITION', 'another program keeps something else under a key of this prefix; use another `prefix`'],
}

/** Refused before it went to the server: nothing of it is there. */
export function isUnsent(error: unknown): boolean {
  const name = String((error as Error | undefined)?.constructor?.name)
  return name === 'ClientOfflineError' || name === 'ClientClosedError'
}

/** The topic (or queue, or group) is not there any more, or another. */
export function isGone(error: unknown): boolean {
  return /^(GONE|NOGROUP)\b/.test(refusalOf(error))
}

/** The words of a refusal by the server; '' when it was none. */
export function refusalOf(error: unknown): string {
  const reply = error instanceof CallError ? error.cause : error
  const text = describeThrown(reply).message
  return /^[A-Z]{2,}\b/.test(text) ? text : ''
}

/** What went wrong, in words that say where and what to do. A reply and an error of the client never hold the password. */
export function explain(action: string, where: string, error: unknown): CallError {
  if (error instanceof CallError) return error
  const text = describeThrown(error).message
  const found = REFUSALS[/^[A-Z]+/.exec(refusalOf(error))?.[0] ?? ''] ?? CONNECTION_FAILURES[String(partOf(error, 'code'))]
  const refused = refusalOf(error) !== ''
  const [status, words] =
    found ?? (refused ? (['INTERNAL', 'it refused that'] as const) : (['UNAVAILABLE', 'the connection is lost'] as const))
  const outcome =
    found !== undefined || refused ? '' : isUnsent(error) ? '; nothing was sent' : '; whether it took that is not known'
  return new CallError(status, `Cannot ${action}: Redis at ${where}: ${words}${outcome} (${text})`, {
    cause: error,
    inside: true,
  })
}
