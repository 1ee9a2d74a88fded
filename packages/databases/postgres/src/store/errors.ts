import { CallError, type Status } from 'dure/contract'
import { isInstance, partOf } from 'dure/contract/internal'

/** Where a store is, in words without secrets. */
export type StoreAddress = { readonly server: string; readonly database: string; readonly user: string }

/** The state found, and what to do about it. */
type Meaning = readonly [status: Status, state: string, advice: string | ((address: StoreAddress) => string)]

/**
 * What PostgreSQL's error codes mean for whoever runs the service: the state found and what to do about it.
 * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  '28P01': ['UNAUTHENTICATED', 'the server refused the password', 'check the user and the password in the connection string'],
  '28000': [
    'UNAUTHENTICATED',
    'the server does not let this user in',
    ({ user, database }) =>
      `check the user in the connection string, and let "${user}" into "${database}" in pg_hba.conf of the server; where that takes encrypted connections only (hostssl), give \`tls: true\` or \`tls: { ca }\``,
  ],
  '3D000': ['FAILED_PRECONDITION', 'there is no such database', 'create it, or correct its name in the connection string'],
  '42501': [
    'PERMISSION_DENIED',
    'the role may not do this',
    'a service reaches its own tables only; call the other service, or subscribe to its events',
  ],
  '53100': ['RESOURCE_EXHAUSTED', 'the disk is full', 'free some space and try again; what was committed before is kept'],
  '53200': ['RESOURCE_EXHAUSTED', "the server's memory ran out", 'give the server more memory'],
  '53300': [
    'RESOURCE_EXHAUSTED',
    'the server has no connections left',
    'raise max_connections (or the CONNECTION LIMIT of the role or the database, where it is theirs), lower `writers` and `readers`, or put fewer services on it',
  ],
  '25006': [
    'UNAVAILABLE',
    'the server only reads (it is a standby, or was told to)',
    'connect to the primary (target_session_attrs, or the address that follows it)',
  ],
  '55P03': ['ABORTED', 'a lock was not to be had', 'try again'],
  '57014': [
    'DEADLINE_EXCEEDED',
    'the statement took too long and was cancelled',
    'look at its plan with EXPLAIN, or give the transaction a longer `timeout`',
  ],
  '25P03': [
    'DEADLINE_EXCEEDED',
    "the server ended the transaction, which was idle for longer than the server's idle_in_transaction_session_timeout",
    'keep calls to the world out of it',
  ],
  '25P04': [
    'DEADLINE_EXCEEDED',
    "the server ended the transaction by the server's own transaction_timeout, which is not the `timeout` of the transaction",
    'see who has set it (SHOW transaction_timeout), and raise it or take it away there',
  ],
  '57P01': [
    'UNAVAILABLE',
    'the server ended the connection: it is stopping, or an administrator has ended this one (pg_terminate_backend)',
    'wait: the store goes on by itself',
  ],
  '57P05': [
    'UNAVAILABLE',
    "the server ended the connection, which was idle for longer than the server's idle_session_timeout",
    'try again, and see who has set it: the store asks for none',
  ],
  '58030': ['UNAVAILABLE', "the server's disk answered with an error", 'check the disk and the file system'],
  XX001: ['DATA_LOSS', 'the data are damaged', 'restore them from a backup'],
  XX002: ['DATA_LOSS', 'an index is damaged', 'REINDEX it'],
}

const UNREACHABLE: Meaning = [
  'UNAVAILABLE',
  'the server cannot be reached',
  'check that it runs and that the address is right; a service that runs goes on by itself once it is back',
]
const UNTRUSTED: Meaning = [
  'UNAUTHENTICATED',
  "the server's certificate is not trusted",
  'give its authority as `tls: { ca }`, and connect by the name that the certificate is for',
]
const UNENCRYPTED: Meaning = [
  'FAILED_PRECONDITION',
  'the server speaks no TLS',
  'turn it on there (ssl = on), or leave `tls` out where the way to it is safe',
]
const CANCELLED: Meaning = [
  'ABORTED',
  'an administrator of the server has cancelled the statement (pg_cancel_backend)',
  'ask him why, and try again',
]
const LOCKED_OUT: Meaning = [
  'PERMISSION_DENIED',
  'the role may not connect to the database',
  ({ user, database }) => `GRANT CONNECT ON DATABASE "${database}" TO "${user}"`,
]
const REPLICA: Meaning = [
  'FAILED_PRECONDITION',
  'session_replication_role is changed, so that triggers and foreign keys are not looked at, and the role may not set it back',
  ({ user }) => `ALTER ROLE "${user}" RESET session_replication_role (or ALTER DATABASE, where it is set for all)`,
]
const UNFIT: Meaning = [
  'INVALID_ARGUMENT',
  'a value does not fit where it is to go',
  'give a value of the type of its column or operator',
]
const RESTARTING: Meaning = [
  'UNAVAILABLE',
  'the server is starting or stopping',
  'wait: the store goes on by itself once it is back',
]

/** SQLSTATEs by which the server says that two transactions crossed: to be begun again. */
export function crossed(error: unknown): boolean {
  const code = sqlState(error)
  return code === '40001' || code === '40P01'
}

/** The five characters of the SQL standard, or undefined when the error is not the server's. */
export function sqlState(error: unknown): string | undefined {
  // Only the server's errors have a severity: EPIPE has five characters too.
  const [code, severity] = [partOf(error, 'code'), partOf(error, 'severity')]
  return typeof code === 'string' && typeof severity === 'string' ? code : undefined
}

/** The error ended the session; otherwise only the statement. */
export function endsSession(error: unknown): boolean {
  if (sqlState(error) === undefined) return disconnected(error)
  const severity = (error as { severity?: unknown }).severity
  if (severity === 'ERROR') return false
  // A server may say it in another language (lc_messages): these codes come with no other severity.
  return severity === 'FATAL' || severity === 'PANIC' || /^(57P0|25P0[34]|08|28|53300)/.test(sqlState(error)!)
}

function disconnected(error: unknown): boolean {
  if (!isInstance(error, Error)) return false
  const code = partOf(error, 'code')
  if (typeof code === 'string' && /^E[A-Z]{2,}(_[A-Z]+)*$/.test(code) && !code.startsWith('ERR_')) return true
  // What `pg` says of a connection that is gone.
  return /^(Connection terminated|timeout expired|Client (was closed|has encountered a connection error))/i.test(error.message)
}

function meaningOf(error: unknown): Meaning | undefined {
  const code = sqlState(error)
  if (code === undefined) return connectingTrouble(error)
  const { message } = error as Error
  if (code === '57014' && /user request/.test(message)) return CANCELLED
  if (code === '42501' && endsSession(error)) return LOCKED_OUT
  if (code === '42501' && /session_replication_role/.test(message)) return REPLICA
  // A standby refuses BEGIN as a setting that it does not take.
  if (code === '0A000' && /^call_\w+_check_hook$/.test(String(partOf(error, 'routine')))) return MEANINGS['25006']
  if (MEANINGS[code] !== undefined) return MEANINGS[code]
  if (code.startsWith('22')) return UNFIT
  if (code.startsWith('57P')) return RESTARTING
  if (code.startsWith('08')) return UNREACHABLE
  return undefined
}

function connectingTrouble(error: unknown): Meaning | undefined {
  if (!isInstance(error, Error)) return undefined
  const code = partOf(error, 'code')
  if (typeof code === 'string' && /CERT|SIGNATURE|ALTNAME|_CA_|CRL/.test(code)) return UNTRUSTED
  if (/does not support SSL/.test(error.message)) return UNENCRYPTED
  return disconnected(error) ? UNREACHABLE : undefined
}

/**
 * Says in words what went wrong with a server. Errors that are the statement's own (a constraint, a misspelt
 * column) come back as they are.
 */
export function explain(error: unknown, action: string, address: StoreAddress): unknown {
  if (error instanceof CallError) return error
  const meaning = meaningOf(error)
  if (meaning === undefined) return error
  const [status, state, advice] = meaning
  const { server, database, user } = address
  const words = (error as Error).message
  return new CallError(
    status,
    `${action} failed: ${state} (server "${server}", database "${database}", user "${user}": ${words}). To do: ${typeof advice === 'string' ? advice : advice(address)}`,
    { cause: error, inside: true },
  )
}

/** The connection went while the commit was under way, and nobody can say how it ended. */
export function unknownOutcome(service: string, address: StoreAddress, cause: unknown): CallError {
  return new CallError(
    'UNKNOWN',
    `Committing a transaction of service "${service}" has an unknown outcome: the connection to "${address.server}" was lost after COMMIT was sent ` +
      'and before it was answered, so it was kept whole or not at all. To do: look which before doing it again, or repeat a call under its idempotency key',
    { cause, details: { service }, inside: true },
  )
}

/** The connection went while the commit was under way, and it is certain that nothing was kept. */
export function rolledBack(service: string, address: StoreAddress, cause: unknown): CallError {
  return new CallError(
    'UNAVAILABLE',
    `Committing a transaction of service "${service}" failed: the connection to "${address.server}" was lost, and nothing of it was kept. To do: try again`,
    { cause, inside: true },
  )
}

/** Two connections turned out to be one session of the server. */
export function pooled(service: string): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `Opening the store of service "${service}" failed: a pooler stands before the server and gives each transaction another session, so nothing that belongs to a session can be relied on (settings, prepared statements). ` +
      'To do: connect to the server itself, or set the pooler to session mode',
    { details: { service }, inside: true },
  )
}
