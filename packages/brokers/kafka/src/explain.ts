import { findErrorBy } from '@platformatic/kafka'
import { CallError, type Status } from 'dure/contract'

type Known = readonly [code: Status, why: string, what: string]

/** Errors of the protocol that people can do something about. */
const REFUSALS: Readonly<Record<string, Known>> = {
  SASL_AUTHENTICATION_FAILED: ['UNAUTHENTICATED', 'user or password is refused', 'correct `sasl`'],
  UNSUPPORTED_SASL_MECHANISM: ['UNAUTHENTICATED', 'it does not know this way to log in', 'choose another `sasl.mechanism`'],
  TOPIC_AUTHORIZATION_FAILED: [
    'PERMISSION_DENIED',
    'the user may not use this topic',
    'allow it (ACL) Read, Write, Describe and Create',
  ],
  GROUP_AUTHORIZATION_FAILED: [
    'PERMISSION_DENIED',
    'the user may not use this group',
    'allow it (ACL) Read and Delete of groups',
  ],
  CLUSTER_AUTHORIZATION_FAILED: [
    'PERMISSION_DENIED',
    'the user may not do this',
    'allow it (ACL) Create and IdempotentWrite of the cluster',
  ],
  MESSAGE_TOO_LARGE: ['INVALID_ARGUMENT', 'the message is larger than its topic takes', 'raise `max.message.bytes` of the topic'],
  RECORD_LIST_TOO_LARGE: [
    'INVALID_ARGUMENT',
    'the message is larger than its topic takes',
    'raise `max.message.bytes` of the topic',
  ],
  INVALID_SESSION_TIMEOUT: [
    'INVALID_ARGUMENT',
    'it does not allow this `session`',
    'choose one between its `group.min.session.timeout.ms` and its `group.max.session.timeout.ms`',
  ],
  INVALID_REPLICATION_FACTOR: [
    'INVALID_ARGUMENT',
    'there are fewer brokers than `replication` asks for',
    'lower it, or start more',
  ],
  POLICY_VIOLATION: ['FAILED_PRECONDITION', 'its policy forbids a topic like this', 'ask who runs it which topics may be made'],
  NOT_ENOUGH_REPLICAS: [
    'UNAVAILABLE',
    'fewer replicas are in sync than `min.insync.replicas` asks for',
    'see whether its other brokers run',
  ],
}

/** Errors of sockets and of TLS, by their code. */
const SOCKET: Readonly<Record<string, Known>> = {
  CERT_HAS_EXPIRED: ['FAILED_PRECONDITION', 'its certificate has expired', 'renew it'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['FAILED_PRECONDITION', 'its certificate is signed by itself', 'give the authority as `tls.ca`'],
  SELF_SIGNED_CERT_IN_CHAIN: ['FAILED_PRECONDITION', 'its authority is not known', 'give it as `tls.ca`'],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['FAILED_PRECONDITION', 'its authority is not known', 'give it as `tls.ca`'],
  ERR_TLS_CERT_ALTNAME_INVALID: ['FAILED_PRECONDITION', 'its certificate is for another name', 'use that name in `brokers`'],
  ERR_SSL_WRONG_VERSION_NUMBER: ['FAILED_PRECONDITION', 'it does not speak TLS on this port', 'use its TLS port, or no `tls`'],
  EPROTO: ['FAILED_PRECONDITION', 'it does not speak TLS on this port', 'use its TLS port, or no `tls`'],
  ECONNREFUSED: ['UNAVAILABLE', 'the connection was refused', 'see whether it runs, and listens there'],
  ENOTFOUND: ['UNAVAILABLE', 'there is no host of this name', 'correct `brokers`'],
  EAI_AGAIN: ['UNAVAILABLE', 'the name of its host cannot be looked up now', 'see whether the network is up'],
}

/**
 * A failure of the client as a CallError that says what was to be done, where, why not, and what to do. Nothing of the error
 * but words of its own goes in: what the client hangs on its errors may hold what was sent.
 */
export function explain(action: string, where: string, error: unknown): CallError {
  if (error instanceof CallError) return error
  const all = [...everyError(error)]
  const refusal = all.map(({ apiId }) => apiId).find((id) => id !== undefined)
  const known = all.map(({ apiId, code }) => REFUSALS[apiId ?? ''] ?? SOCKET[code ?? '']).find((one) => one !== undefined)
  const lines = (code: Status, why: string, what: string): CallError =>
    new CallError(code, `Cannot ${action}: Kafka at ${where} says no: ${why}; ${what}`, { inside: true })
  if (known !== undefined) return lines(...known)
  if (all.some(({ code }) => code === 'PLT_KFK_AUTHENTICATION'))
    return lines('UNAUTHENTICATED', 'user or password is refused', 'correct `sasl`')
  if (all.some(({ code }) => code === 'PLT_KFK_UNSUPPORTED_API'))
    return lines('FAILED_PRECONDITION', 'it is too old', 'use Kafka 3.5 or newer')
  const words = all.map(({ message }) => message).findLast((message) => message !== '') ?? 'no answer came'
  const why = `${words.replace(/[.]+$/, '')}${refusal === undefined ? '' : ` (${refusal})`}`
  return new CallError('UNAVAILABLE', `Cannot ${action} at Kafka on ${where}: ${why}; it may be done or not, try again`, {
    inside: true,
  })
}

type Part = { readonly code?: string; readonly apiId?: string; readonly message: string }

/** The error, what it gathers, and what caused it. */
function* everyError(error: unknown): Generator<Part> {
  if (!(error instanceof Error)) return
  const { code, apiId } = error as { code?: string; apiId?: string }
  yield { message: error.message, ...(code !== undefined && { code }), ...(apiId !== undefined && { apiId }) }
  for (const inner of error instanceof AggregateError ? (error.errors as unknown[]) : []) yield* everyError(inner)
  yield* everyError(error.cause)
}

/** Whether the client says that the topic is not there. */
export function isUnknownTopic(error: unknown): boolean {
  return (
    findErrorBy(error as Error, 'apiId', 'UNKNOWN_TOPIC_OR_PARTITION') !== null ||
    [...everyError(error)].some(({ message }) => message.startsWith('Unknown topic'))
  )
}
