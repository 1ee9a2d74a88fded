import { createHash } from 'node:crypto'
import { CallError, type AnySchema, type InputOf, type OutputOf } from '../contract/contract.ts'
import { parserOf, wireOf } from '../contract/internal.ts'
import { BYTES, checkNumbers, KEEP } from '../runtime/internal.ts'
import { realRuntime, type Runtime } from '../runtime/runtime.ts'
import type { Act, RecordAct } from '../telemetry/telemetry.ts'
import { createActs } from '../telemetry/internal.ts'
import type { NewSession, SessionStore, StoredSession, StoreChange } from './store.ts'

export type SessionsOptions<S extends AnySchema> = {
  readonly store: SessionStore
  /** What is kept: any values of the wire type system. Later releases have to read what earlier ones have kept. */
  readonly schema: S
  /** Milliseconds without a reader after which a session ends. Default 30 minutes. */
  readonly idle?: number
  /** Milliseconds after which it ends however busy it is. Default 12 hours. */
  readonly absolute?: number
  /** The longest that its data may be, in bytes of JSON. Default 16 KiB. */
  readonly maxBytes?: number
  /** Default: the real one. */
  readonly runtime?: Pick<Runtime, 'random' | 'clock' | 'timers'>
  /**
   * Where an audit log is told of sessions that have a subject: begun, renewed, ended. Whoever cannot be written down is not logged in; ending
   * one is always done, and written when the log is there. Default: nowhere.
   */
  readonly record?: RecordAct
}

export type Session<D> = {
  /** What its owner shows, and nobody else may see: 32 random bytes. The store knows its digest only. */
  readonly token: string
  readonly subject: string | undefined
  readonly data: D
  readonly version: number
}

/** `conflict`: somebody else has changed it since it was read. `gone`: it has ended, and does not come back. */
export type SessionChange<D> =
  | { readonly status: 'done'; readonly session: Session<D> }
  | { readonly status: 'conflict' }
  | { readonly status: 'gone' }

export type Sessions<I, D> = {
  readonly create: (given: { readonly data: I; readonly subject?: string }) => Promise<Session<D>>
  /** Undefined for what is no token, and when the session has ended. Whoever reads it lets it live on. */
  readonly read: (token: string | undefined) => Promise<Session<D> | undefined>
  /** Only if the session is still there as it was read. */
  readonly update: (session: Session<D>, data: I) => Promise<SessionChange<D>>
  /**
   * The same under another token, and the old one ends: wherever somebody says who he is, or gets other rights, so that nobody
   * who knew the token before knows it after. Its time begins anew.
   */
  readonly rotate: (session: Session<D>, next?: { readonly data?: I; readonly subject?: string }) => Promise<SessionChange<D>>
  readonly end: (token: string) => Promise<void>
  /** Logs a subject out everywhere. `by`: who does it, where that is somebody else. */
  readonly endAll: (subject: string, by?: string) => Promise<void>
}

const TOKEN_BYTES = 32
const TOKEN = /^[\w-]{43}$/
const LONGEST_SUBJECT = 1_000

/**
 * Sessions of users, in any store of the port.
 * @throws {TypeError} when a number cannot be used
 *
 * @example
 * ```ts
 * import { createSessions, sqliteSessions } from 'dure/session'
 * import { z } from 'zod'
 *
 * const store = sqliteSessions({ directory: 'data' })
 * const sessions = createSessions({ store, schema: z.object({ cart: z.array(z.string()) }) })
 *
 * const anonymous = await sessions.create({ data: { cart: ['apple'] } })
 * const login = await sessions.rotate(anonymous, { subject: 'ida' })
 * if (login.status !== 'done') throw new Error('It has ended')
 * console.log(await sessions.read(anonymous.token)) // → undefined
 * await sessions.endAll('ida')
 * console.log(await sessions.update(login.session, { cart: [] })) // → { status: 'gone' }
 * await store.stop()
 * ```
 */
export function createSessions<S extends AnySchema>(options: SessionsOptions<S>): Sessions<InputOf<S>, OutputOf<S>> {
  type D = OutputOf<S>
  const { store, schema, runtime = realRuntime(), record } = options
  const acts = createActs({ record, runtime })
  const { idle = 30 * 60_000, absolute = 12 * 3_600_000, maxBytes = 16_384 } = options
  const life = checkNumbers('keep sessions', { idle, absolute, maxBytes }, { idle: KEEP, absolute: KEEP, maxBytes: BYTES })
  const parse = parserOf(schema, 'input')
  const wire = wireOf(schema, 'output')

  const parsed = async (given: unknown): Promise<{ readonly value: D; readonly text: string }> => {
    const result = await parse(given)
    if (!result.ok) {
      const [{ path, message } = { path: [], message: 'it does not fit' }] = result.issues
      throw wrong(`its data does not match the schema at "${path.join('.')}": ${message}`)
    }
    const text = JSON.stringify(wire.toJson(result.value)) ?? 'null'
    const size = Buffer.byteLength(text)
    if (size <= life.maxBytes) return { value: result.value as D, text }
    throw wrong(
      `its data has ${size} bytes, and ${life.maxBytes} are the most; keep what is large in a database, and its id here`,
    )
  }
  const newToken = (): string => Buffer.from(runtime.random.fill(new Uint8Array(TOKEN_BYTES))).toString('base64url')
  const newOf = (subject: string | undefined, data: string): NewSession => {
    if (subject !== undefined && (subject === '' || subject.length > LONGEST_SUBJECT))
      throw wrong(`its subject has ${subject.length} characters; give 1 to ${LONGEST_SUBJECT}`)
    return { subject, data, idle: life.idle, absolute: life.absolute }
  }
  const opened = (token: string, { subject, data, version }: StoredSession): Session<D> => {
    try {
      return { token, subject, version, data: wire.fromJson(JSON.parse(data)) as D }
    } catch (error) {
      throw new CallError('DATA_LOSS', 'Cannot read a session: the store has something else under its id', { cause: error })
    }
  }
  /** A session that could not be written down is none. */
  const written = async (action: string, session: Session<D>): Promise<void> => {
    const { subject, token } = session
    if (record === undefined || subject === undefined) return
    try {
      await record(actOf(action, subject, idOf(token)))
    } catch (cause) {
      await store.end(idOf(token)).catch(() => {})
      throw new CallError('UNAVAILABLE', 'Cannot begin a session: it could not be written to the audit log; try again later', {
        cause,
      })
    }
  }
  /** Whose session ends, where that is written down. */
  const ownerOf = async (id: string): Promise<string | undefined> =>
    record === undefined ? undefined : (await store.read(id).catch(() => undefined))?.subject
  const outcome = (made: StoreChange, session: Session<D>): SessionChange<D> =>
    made === 'done' ? { status: 'done', session } : { status: made }

  return {
    create: async ({ data, subject }) => {
      const { value, text } = await parsed(data)
      const token = newToken()
      await store.create(idOf(token), newOf(subject, text))
      const session = { token, subject, data: value, version: 1 }
      await written('session.begun', session)
      return session
    },
    read: async (token) => {
      if (token === undefined || !TOKEN.test(token)) return undefined
      const found = await store.read(idOf(token))
      if (found === undefined) return undefined
      const session = opened(token, found)
      // Of a release that kept something else.
      const fits = await parserOf(schema, 'output')(session.data)
      return fits.ok ? session : undefined
    },
    update: async (session, given) => {
      const { value, text } = await parsed(given)
      const { token, version } = session
      const made = await store.update(idOf(token), { version, data: text })
      return outcome(made, { ...session, data: value, version: version + 1 })
    },
    rotate: async (session, { data: given = session.data as InputOf<S>, subject = session.subject } = {}) => {
      const { value, text } = await parsed(given)
      const token = newToken()
      const next = { version: session.version, id: idOf(token), session: newOf(subject, text) }
      const made = await store.rotate(idOf(session.token), next)
      const renewed = { token, subject, data: value, version: 1 }
      if (made === 'done') await written(subject === session.subject ? 'session.renewed' : 'session.begun', renewed)
      return outcome(made, renewed)
    },
    end: async (token) => {
      if (!TOKEN.test(token)) return
      const id = idOf(token)
      const subject = await ownerOf(id)
      await store.end(id)
      if (subject !== undefined) acts.note(actOf('session.ended', subject, id))
    },
    endAll: async (subject, by = subject) => {
      await store.endAll(subject)
      acts.note({ action: 'session.ended-all', actor: by, subject, outcome: 'done' })
    },
  }
}

/** Whoever reads the store, or a copy of it, can take over nobody's session. */
function idOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}

/** By a part of its id the lines of one session belong together; nobody comes in with it. */
function actOf(action: string, subject: string, id: string): Act {
  return { action, actor: subject, subject, outcome: 'done', about: { session: id.slice(0, 16) } }
}

function wrong(why: string): CallError {
  return new CallError('INVALID_ARGUMENT', `Cannot keep a session: ${why}`)
}
