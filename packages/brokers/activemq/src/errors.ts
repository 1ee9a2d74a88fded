import { CallError, type Status } from 'dure/contract'
import { describeThrown, partOf } from 'dure/contract/internal'
import { CONNECTION_FAILURES } from 'dure/messaging/adapter'

/** What the server refused, by the word of AMQP for it. */
type Refusal = Error & { readonly condition: string }

/** The connection ended under what was asked; whether the server has it is known only when it was not sent. */
type Lost = Error & { readonly isSent: boolean }

const FULL = 'amqp:resource-limit-exceeded'
/** How Java says that there is no room, in memory or on the disk. */
const NO_ROOM = /No space left|ResourceAllocationException|Usage Manager/

/** What a condition of AMQP means, and what to do. */
const CONDITIONS: Readonly<Record<string, readonly [Status, string]>> = {
  'amqp:unauthorized-access': [
    'PERMISSION_DENIED',
    "the user may not do that; give it the permissions of the guide, Artemis's `manage` among them",
  ],
  [FULL]: ['RESOURCE_EXHAUSTED', 'it is full, and has not taken that; make room, or have the slow groups read'],
  'amqp:link:message-size-exceeded': [
    'RESOURCE_EXHAUSTED',
    'the message is larger than it takes; raise its largest message size',
  ],
  // Both say so of whatever went wrong inside of them, with the exception of Java that it was.
  failed: ['UNAVAILABLE', 'something went wrong inside of it; look at its log'],
  'amqp:not-found': ['NOT_FOUND', 'it has no such queue, and may not make one; allow that'],
}

const STRANGER: readonly [Status, string] = ['UNAUTHENTICATED', 'it does not know this user and password; correct `credentials`']

/** The server's error as one to throw. */
export function refusalOf(error: unknown): Refusal {
  const said = String(partOf(error, 'condition') ?? 'amqp:link:detached')
  const text = String(partOf(error, 'description') ?? partOf(error, 'message') ?? said)
  const condition = said === 'failed' && NO_ROOM.test(text) ? FULL : said
  return Object.assign(new Error(text), { condition })
}

export function lostError(cause: unknown, isSent: boolean): Lost {
  return Object.assign(new Error(`The connection is lost: ${describeThrown(cause).message}`, { cause }), {
    isSent,
    ...(partOf(cause, 'code') !== undefined && { code: partOf(cause, 'code') }),
  })
}

/** Whether it is one message that the server does not take. */
export function isRefusal(error: unknown): boolean {
  const cause = error instanceof CallError ? error.cause : error
  return typeof partOf(cause, 'condition') === 'string'
}

/** What went wrong, in words that say where and what to do. The password is in none of them. */
export function explain(action: string, where: string, error: unknown): CallError {
  const cause = error instanceof CallError ? error.cause : error
  const [condition, isSent] = [partOf(cause, 'condition'), partOf(cause, 'isSent')]
  if (error instanceof CallError && condition === undefined && isSent === undefined) return error
  const text = describeThrown(cause).message
  const isStranger = action === 'connect' && condition === 'amqp:unauthorized-access'
  const found = isStranger ? STRANGER : (CONDITIONS[String(condition)] ?? CONNECTION_FAILURES[String(partOf(cause, 'code'))])
  const refused = typeof condition === 'string'
  const [status, words] =
    found ?? (refused ? (['INTERNAL', 'it refused that'] as const) : (['UNAVAILABLE', 'the connection is lost'] as const))
  const outcome = refused ? '' : isSent === true ? '; whether it took that is not known' : '; nothing was sent'
  const details = error instanceof CallError && error.details !== undefined ? { details: error.details } : {}
  return new CallError(status, `Cannot ${action}: ActiveMQ at ${where}: ${words}${outcome} (${text})`, {
    ...details,
    cause,
    inside: true,
  })
}
