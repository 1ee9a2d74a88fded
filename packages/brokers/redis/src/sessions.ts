import { createHash } from 'node:crypto'
import { CallError } from 'dure/contract'
import { realRuntime, type Runtime } from 'dure/runtime'
import { checkNumbers, WAIT } from 'dure/runtime/internal'
import type { NewSession, SessionStore, StoreChange } from 'dure/session'
import { silentLogger, type Logger } from 'dure/telemetry'
import type { RedisServer } from './connection.ts'
import { connectOnDemand } from './on-demand.ts'
import { CREATE, END, READ, ROTATE, UPDATE } from './scripts/sessions.ts'
import type { Script } from './scripts/script.ts'

export type RedisSessionsOptions = RedisServer & {
  /** `redis://host:port/database`, or `rediss://…` for TLS. */
  readonly url: string
  /** Milliseconds for an answer. Default 1,000. */
  readonly timeout?: number
  /** Milliseconds for which a server that has not answered is not asked: requests are refused at once. Default 500. */
  readonly pause?: number
  readonly runtime?: Runtime
  readonly log?: Logger
}

/**
 * Sessions in Redis or Valkey, which processes on many machines share; their time goes by Redis' clock. It connects when it is first asked. A server
 * that removes keys when its memory is full (`maxmemory-policy`) logs users out then; one that does not refuses new sessions.
 * @throws {TypeError} when a number or the prefix cannot be used
 *
 * @example
 * ```ts
 * import { redisSessions } from '@dure/redis'
 *
 * const store = redisSessions({ url: 'redis://127.0.0.1:1', timeout: 2_000 }) // nothing listens there
 * console.log(await store.read('id').catch((error: { code: string }) => error.code)) // → UNAVAILABLE
 * await store.stop()
 * ```
 */
export function redisSessions(options: RedisSessionsOptions): SessionStore {
  const { url, credentials, tls, prefix = 'dure', timeout = 1_000, pause = 500, log = silentLogger() } = options
  const { runtime = realRuntime() } = options
  checkNumbers('keep sessions in Redis', { timeout, pause }, { timeout: WAIT, pause: { ...WAIT, least: 0 } })
  if (!/^[\w.-]{1,64}$/.test(prefix))
    throw new TypeError(`Cannot keep sessions in Redis: its prefix is "${prefix}"; give 1 to 64 letters, digits, dots and dashes`)
  const server = connectOnDemand({ url, credentials, tls, timeout }, pause, { runtime, log })
  const keyOf = (id: string): string => `${prefix}:session:${id}`
  const subjects = `${prefix}:sessions-of:`

  const run = async <Reply>(action: string, script: Script, ids: readonly string[], values: readonly (string | number)[]) => {
    if (server.isClosed()) throw new CallError('FAILED_PRECONDITION', `Cannot ${action}: the store was stopped`)
    return server.run<Reply>(action, script, ids, values)
  }
  const beginning = (id: string, { subject, data, idle, absolute }: NewSession): (string | number)[] => [
    ...[id, subject ?? '', subject === undefined ? '' : digestOf(subject), data],
    ...[Math.ceil(idle), Math.ceil(absolute)],
  ]

  return {
    create: async (id, session) => {
      await run('begin a session', CREATE, [keyOf(id)], [subjects, ...beginning(id, session)])
    },
    read: async (id) => {
      const found = await run<[string | null, string, string] | null>('read a session', READ, [keyOf(id)], [subjects])
      return found === null ? undefined : { subject: found[0] ?? undefined, data: found[1], version: Number(found[2]) }
    },
    update: (id, { version, data }) => run<StoreChange>('change a session', UPDATE, [keyOf(id)], [subjects, version, data]),
    rotate: (id, { version, id: next, session }) =>
      run<StoreChange>(
        'begin a session anew',
        ROTATE,
        [keyOf(id), keyOf(next)],
        [subjects, version, ...beginning(next, session)],
      ),
    end: async (id) => {
      await run('end a session', END, [keyOf(id)], [])
    },
    endAll: async (subject) => {
      await run('end all sessions of a subject', END, [subjects + digestOf(subject)], [])
    },
    stop: async () => server.close(),
  }
}

/** Names of people are no names of keys. */
function digestOf(subject: string): string {
  return createHash('sha256').update(subject).digest('base64url')
}
