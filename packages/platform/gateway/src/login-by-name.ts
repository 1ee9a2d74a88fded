/** Login as files have it: the secret is elsewhere, and sessions are named by where they are. */
import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { sqliteSessions, type SessionStore } from 'dure/session'
import type { RecordAct } from 'dure/telemetry'
import type { Filter } from './filter.ts'
import { login, type LoginOptions } from './login/login.ts'

/** Opens the store at a URL. */
export type StoreAt = (url: string) => SessionStore
/** What writes to the audit log of the system that runs on a data directory. */
export type AuditAt = (directory: string) => RecordAct

/** What a file names and does not hold. */
export type Elsewhere = {
  /** Opens the store of sessions at a URL, for logins that name one. Default: they are in folders alone. */
  readonly storeAt?: StoreAt | undefined
  /** For logins that name the system whose audit log is told of them. Default: none can be named. */
  readonly auditAt?: AuditAt | undefined
}

/** Options in a file: those of TypeScript, but for what is no text or number. */
export type WrittenLogin = Omit<LoginOptions, 'clientSecret' | 'store' | 'record'> & {
  readonly clientSecret: Readonly<Record<string, unknown>>
  /** A folder, from where the file is, or the URL of a store: `redis://127.0.0.1:6379`. */
  readonly sessions: string
  /** The data directory of a system, from where the file is: its audit log is told who logs in and out, and who is refused. */
  readonly audit?: string
}

type About = Elsewhere & { readonly file: string }

/** @throws {TypeError} what cannot be used of it */
export function writtenLogin({ clientSecret, sessions, audit, ...options }: WrittenLogin, about: About): Filter {
  const record = audit === undefined ? undefined : recordOf(audit, about)
  return login({
    ...{ ...options, clientSecret: secretOf(clientSecret, about.file), store: storeOf(sessions, about) },
    ...(record !== undefined && { record }),
  })
}

/** A secret that has changed makes another login. */
export function writtenLoginStamp({ clientSecret }: { readonly clientSecret?: unknown }, { file }: About): string {
  const { file: named, environment } = (clientSecret ?? {}) as { readonly file?: unknown; readonly environment?: unknown }
  if (typeof environment === 'string') return process.env[environment] ?? ''
  if (typeof named !== 'string') return ''
  const found = statSync(resolve(dirname(file), named), { throwIfNoEntry: false })
  return found === undefined ? '' : `${found.mtimeMs} ${found.size}`
}

function secretOf(given: WrittenLogin['clientSecret'], file: string): string {
  const no = (why: string): never => {
    throw new TypeError(`its "clientSecret" ${why}`)
  }
  const [[from, value] = ['', ''], ...more] = Object.entries(given)
  if (more.length > 0 || typeof value !== 'string' || value === '')
    return no('is none; give { environment: NAME }, { file: NAME }, or { clear: TEXT } where anybody may read it')
  if (from === 'clear') return value
  if (from === 'environment') return process.env[value] || no(`is in the environment variable ${value}, which is not set`)
  if (from !== 'file') return no(`has "${from}"; give environment, file or clear`)
  try {
    return readFileSync(resolve(dirname(file), value), 'utf8').trim() || no(`is in the file "${value}", which is empty`)
  } catch (error) {
    return no(`cannot be read: ${(error as Error).message}`)
  }
}

function recordOf(audit: string, { file, auditAt }: About): RecordAct {
  if (auditAt === undefined) throw new TypeError('its "audit" is of no use here: nobody knows the audit log of a system')
  return auditAt(resolve(dirname(file), audit))
}

function storeOf(sessions: string, { file, storeAt }: About): () => SessionStore {
  if (!sessions.includes('://')) return () => sqliteSessions({ directory: resolve(dirname(file), sessions) })
  if (storeAt === undefined)
    throw new TypeError(`its "sessions" are at "${sessions.split('://', 1)[0]}://…", which is not known here; give a folder`)
  // Whether there is such a store is known at once, and not when somebody logs in.
  const store = storeAt(sessions)
  return () => store
}
