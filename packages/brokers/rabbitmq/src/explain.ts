import { CallError, type Status } from 'dure/contract'
import { describeThrown, partOf } from 'dure/contract/internal'
import { CONNECTION_FAILURES } from 'dure/messaging/adapter'
import { CODE } from './frames.ts'
import { StreamError } from './stream-connection.ts'

type Meaning = readonly [status: Status, words: string]

/** What the server's answers in the stream protocol mean, and what to do. */
const ANSWERS: Readonly<Record<number, Meaning>> = {
  [CODE.noStream]: ['UNAVAILABLE', 'the stream is not there (any more); it is made again when it is named next'],
  [CODE.notAvailable]: ['UNAVAILABLE', 'the stream has no leader for now; try again'],
  [CODE.wrongPassword]: ['UNAUTHENTICATED', 'it does not know this user and password; correct `url` or `credentials`'],
  9: ['UNAUTHENTICATED', 'it does not let this user in from here; `guest` may come from the same machine only'],
  [CODE.noVhost]: ['FAILED_PRECONDITION', 'there is no such virtual host, or the user may not use it; correct the path of `url`'],
  [CODE.forbidden]: ['PERMISSION_DENIED', 'the user may not do that; give it the permissions that the guide names'],
  [CODE.otherwise]: [
    'FAILED_PRECONDITION',
    'another program has something else under this name, or this was declared in another way; use another `prefix`',
  ],
}

/** What a connection that does not come about means. */
const FAILURES: Readonly<Record<string, Meaning>> = {
  ...CONNECTION_FAILURES,
  ECONNREFUSED: [
    'UNAVAILABLE',
    'nothing listens there; start the server with its plugin `rabbitmq_stream`, or correct `url` and `streamPort`',
  ],
  ACCESS_REFUSED: ['PERMISSION_DENIED', 'the user may not do that; give it the permissions that the guide names'],
  PRECONDITION_FAILED: [
    'FAILED_PRECONDITION',
    'a queue of this name was declared in another way; delete it, or use another `prefix`',
  ],
}

/** What went wrong, in words that say where and what to do. None of it holds the password. */
export function explain(action: string, where: string, error: unknown): unknown {
  if (error instanceof CallError) return error
  const [status, words] =
    (error instanceof StreamError ? ANSWERS[error.code] : FAILURES[String(partOf(error, 'code'))]) ??
    (['UNAVAILABLE', 'it has not answered; whether it took that is not known'] as const)
  return new CallError(status, `Cannot ${action}: RabbitMQ at ${where}: ${words} (${describeThrown(error).message})`, {
    cause: error,
    inside: true,
  })
}
