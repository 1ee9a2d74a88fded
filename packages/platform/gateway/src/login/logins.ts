/** Sessions of who has logged in: their tokens, which no browser sees. */
import { createHash } from 'node:crypto'
import type { Schema } from 'dure/contract'
import type { Runtime } from 'dure/runtime'
import { createSessions, type Session, type SessionChange, type SessionStore } from 'dure/session'
import type { RecordAct } from 'dure/telemetry'
import { createActs } from 'dure/telemetry/internal'
import type { Tokens } from './issuer.ts'

export type LoginData = {
  readonly client: string
  readonly access: string
  /** Milliseconds since the epoch: when the access token ends, and from when on there should be another one. */
  readonly ends: number
  readonly renewAt: number
  readonly refresh?: string | undefined
  readonly id?: string | undefined
  /** The session at the issuer. */
  readonly sid?: string | undefined
  /** Somebody asks for another access token: nobody else may. */
  readonly claim?: string | undefined
}
export type Login = Session<LoginData>

export type Logins = {
  readonly create: (subject: string, tokens: Tokens) => Promise<Login>
  readonly read: (token: string | undefined) => Promise<Login | undefined>
  readonly update: (login: Login, data: LoginData) => Promise<SessionChange<LoginData>>
  readonly end: (token: string) => Promise<void>
  /** Ends what the issuer says has ended: one session of his, or (of which he says none) all of somebody. */
  readonly endAt: (ended: { readonly sid?: string | undefined; readonly subject?: string | undefined }) => Promise<void>
  readonly subjectOf: (login: Login) => string
}

const MOST_BYTES = 65_536
const TOKEN = /^[\w-]{43}$/

export function createLogins(options: {
  readonly store: SessionStore
  readonly issuer: string
  readonly clientId: string
  readonly idle: number
  readonly absolute: number
  readonly runtime: Pick<Runtime, 'random' | 'clock' | 'timers'>
  readonly record?: RecordAct | undefined
}): Logins {
  const { store, issuer, clientId: client, idle, absolute, runtime, record } = options
  const sessions = createSessions({
    store,
    schema: DATA,
    idle,
    absolute,
    maxBytes: MOST_BYTES,
    runtime,
    ...(record !== undefined && { record }),
  })
  const acts = createActs({ record, runtime })
  // Two issuers may mean two people by one name.
  const subjectFor = (subject: string): string => `${issuer} ${subject}`
  const subjectForSid = (sid: string): string => `sid ${issuer} ${sid}`
  return {
    create: async (subject, tokens) => {
      const { sid } = tokens
      const login = await sessions.create({ subject: subjectFor(subject), data: dataOf(client, tokens) })
      if (sid === undefined) return login
      await store.create(anchorOf(login.token), { subject: subjectForSid(sid), data: '', idle, absolute })
      return login
    },
    read: async (token) => {
      // What is no token is not asked for.
      if (token === undefined || !TOKEN.test(token)) return undefined
      // Both at once: they are one question more, and no time.
      const [login, anchor] = await Promise.all([sessions.read(token), store.read(anchorOf(token))])
      if (login === undefined || login.data.client !== client) return undefined
      if (login.subject?.startsWith(`${issuer} `) !== true) return undefined
      return login.data.sid !== undefined && anchor === undefined ? undefined : login
    },
    update: (login, data) => sessions.update(login, data),
    end: async (token) => {
      await Promise.all([sessions.end(token), store.end(anchorOf(token))])
    },
    endAt: async ({ sid, subject }) => {
      if (sid === undefined) return sessions.endAll(subjectFor(subject!), issuer)
      await store.endAll(subjectForSid(sid))
      const whose = subject === undefined ? `${issuer} (not said)` : subjectFor(subject)
      acts.note({ action: 'session.ended', actor: issuer, subject: whose, outcome: 'done', about: { sid } })
    },
    subjectOf: ({ subject }) => subject!.slice(issuer.length + 1),
  }
}

/** What is left of a life when another token is asked for: a third, and a minute at most. */
const PART = 3
const LONGEST = 60_000

export function dataOf(client: string, { access, ends, life, refresh, id, sid }: Tokens): LoginData {
  const renewAt = ends - Math.min(LONGEST, life / PART)
  return { client, access, ends, renewAt, refresh, id, sid }
}

/**
 * A store knows sessions of one subject, and an issuer ends those of one person or one of his own sessions. So beside each stands an empty
 * one, whose subject is the session at the issuer: both have to be there.
 */
function anchorOf(token: string): string {
  return createHash('sha256').update(`sid ${token}`).digest('base64url')
}

const TEXTS = { client: true, access: true, refresh: false, id: false, sid: false, claim: false }
const NUMBERS = { ends: true, renewAt: true }
const ALL: Readonly<Record<string, boolean>> = { ...TEXTS, ...NUMBERS }
const DRAWN = {
  type: 'object',
  properties: Object.fromEntries(
    Object.keys(ALL).map((name) => [name, { type: Object.hasOwn(TEXTS, name) ? 'string' : 'number' }]),
  ),
  required: Object.keys(ALL).filter((name) => ALL[name]),
  additionalProperties: false,
}

const DATA: Schema<LoginData> = {
  '~standard': {
    version: 1,
    vendor: 'dure',
    validate: (value) => {
      const given = Object.entries((value ?? {}) as object).filter(([, each]) => each !== undefined)
      const fits =
        given.every(
          ([name, each]) => typeof each === (Object.hasOwn(TEXTS, name) ? 'string' : 'number') && Object.hasOwn(ALL, name),
        ) && DRAWN.required.every((name) => given.some(([has]) => has === name))
      return fits ? { value: Object.fromEntries(given) as LoginData } : { issues: [{ message: 'It is no login' }] }
    },
    jsonSchema: { input: () => DRAWN, output: () => DRAWN },
  },
}
