import { createHash } from 'node:crypto'
import { CallError } from 'dure/contract'
import { realRuntime, type Runtime } from 'dure/runtime'
import { checkNumbers, WAIT } from 'dure/runtime/internal'
import type { NewSession, SessionStore, StoreChange } from 'dure/session'
import { createConnection } from './connection.ts'
import type { Reply } from './replies.ts'

export type MemcachedSessionsOptions = {
  /** As `127.0.0.1:11211`, at least one. Each session is on one of them, which its id chooses. */
  readonly servers: readonly string[]
  /** What all keys begin with. Default `dure`. */
  readonly prefix?: string
  /** Milliseconds for an answer. Default 1,000. */
  readonly timeout?: number
  /** Milliseconds for which a server that has not answered is not asked: requests are refused at once. Default 500. */
  readonly pause?: number
  readonly runtime?: Runtime
}

/** What is kept of a session: subject, data, version, milliseconds of rest, its end, and the generation of its subject. */
type Kept = {
  readonly s?: string
  readonly d: string
  readonly v: number
  readonly i: number
  readonly e: number
  readonly g?: string
}
type Found = { readonly kept: Kept; readonly unique: string }

/** Seconds: longer ones Memcached takes for a date. */
const LONGEST = 2_592_000
/** Times that a subject's generation is looked for, while others make and remove it. */
const ROUNDS = 5

/**
 * Sessions in Memcached 1.6 or later, which processes on many machines share. What it keeps is gone with it, and it forgets what has not been read
 * for long when its memory is full: users are logged out then. Times are whole seconds.
 *
 * It can list no sessions of a subject. So each subject has a generation, a text that stands in its sessions too: `endAll` takes it away, and where
 * it is missing, taken away or forgotten, no session of that subject counts.
 * @throws {TypeError} when a server, a number or the prefix cannot be used
 *
 * @example
 * ```ts
 * import { memcachedSessions } from '@dure/memcached'
 *
 * const store = memcachedSessions({ servers: ['127.0.0.1:1'] }) // nothing listens there
 * console.log(await store.read('id').catch((error: { code: string }) => error.code)) // → UNAVAILABLE
 * await store.stop()
 * ```
 */
export function memcachedSessions(options: MemcachedSessionsOptions): SessionStore {
  const { servers, prefix = 'dure', timeout = 1_000, pause = 500, runtime = realRuntime() } = options
  checkNumbers('keep sessions in Memcached', { timeout, pause }, { timeout: WAIT, pause: { ...WAIT, least: 0 } })
  if (!/^[\w.-]{1,64}$/.test(prefix)) throw unusable(`its prefix is "${prefix}"; give 1 to 64 letters, digits, dots and dashes`)
  if (servers.length === 0) throw unusable('it has no servers; give at least one')
  const { clock } = runtime
  const connections = servers.map((server) => ({
    server,
    connection: createConnection({ ...addressOf(server), timeout, pause, runtime }),
  }))
  const keyOf = (id: string): string => `${prefix}:session:${id}`
  const subjectKey = (subject: string): string => `${prefix}:sessions-of:${digest(subject)}`

  /** The same server for a key in every process; when one is added, only keys that are its own now move. */
  const ask = (action: string, verb: string, key: string, flags: string, value?: Buffer): Promise<Reply> => {
    let best = connections[0]!
    if (connections.length > 1) {
      let most = ''
      for (const one of connections) {
        const weight = digest(`${one.server} ${key}`)
        if (weight > most) [best, most] = [one, weight]
      }
    }
    const size = value === undefined ? '' : ` ${value.length}`
    return best.connection.ask(action, `${verb} ${key}${size} ${flags}`.trimEnd(), value)
  }

  /** The generation of a subject. @param make where there is none */
  const generationOf = async (subject: string, make: string | undefined): Promise<string | undefined> => {
    const action = 'look whether a subject has sessions'
    const key = subjectKey(subject)
    for (let round = 0; round < ROUNDS; round++) {
      const found = await ask(action, 'mg', key, `v T${LONGEST}`)
      if (found.code === 'VA') return found.value!.toString()
      if (make === undefined) return undefined
      const made = await ask(action, 'ms', key, `ME T${LONGEST}`, Buffer.from(make))
      if (made.code === 'HD') return make
    }
    throw new CallError('ABORTED', `Cannot begin a session: others end all sessions of its subject again and again`)
  }
  const find = async (action: string, id: string): Promise<Found | undefined> => {
    const reply = await ask(action, 'mg', keyOf(id), 'v c')
    if (reply.code !== 'VA') return undefined
    const kept = keptIn(reply.value!)
    if (kept.e <= clock.now()) return undefined
    if (kept.s !== undefined && (await generationOf(kept.s, undefined)) !== kept.g) return undefined
    return { kept, unique: reply.flags.get('c')! }
  }
  const secondsOf = ({ i, e }: Pick<Kept, 'i' | 'e'>): number => 1 + Math.ceil(Math.max(0, Math.min(i, e - clock.now())) / 1_000)
  const store = (action: string, id: string, kept: Kept, flags: string): Promise<Reply> =>
    ask(action, 'ms', keyOf(id), `${flags} T${secondsOf(kept)}`, Buffer.from(JSON.stringify(kept)))

  const create = async (id: string, { subject, data, idle, absolute }: NewSession): Promise<void> => {
    if (Math.max(idle, absolute) > (LONGEST - 1) * 1_000)
      throw new CallError(
        'INVALID_ARGUMENT',
        'Cannot begin a session: Memcached keeps none for more than 30 days; shorten `idle` and `absolute`',
      )
    const g = subject === undefined ? undefined : await generationOf(subject, id)
    const kept: Kept = {
      ...(subject === undefined ? {} : { s: subject, g: g! }),
      ...{ d: data, v: 1, i: Math.ceil(idle), e: Math.ceil(clock.now() + absolute) },
    }
    const { code } = await store('begin a session', id, kept, 'ME')
    if (code !== 'HD') throw new CallError('ALREADY_EXISTS', 'Cannot begin a session: there is one with its id')
  }

  return {
    create,
    read: async (id) => {
      const action = 'read a session'
      const found = await find(action, id)
      if (found === undefined) return undefined
      const { s: subject, d: data, v: version } = found.kept
      const stayed = await ask(action, 'mg', keyOf(id), `T${secondsOf(found.kept)}`)
      return stayed.code === 'HD' ? { subject, data, version } : undefined
    },
    update: async (id, { version, data }) => {
      const action = 'change a session'
      const found = await find(action, id)
      if (found === undefined) return 'gone'
      if (found.kept.v !== version) return 'conflict'
      const reply = await store(action, id, { ...found.kept, d: data, v: version + 1 }, `C${found.unique}`)
      return changeOf(reply)
    },
    rotate: async (id, { version, id: next, session }) => {
      const action = 'begin a session anew'
      const found = await find(action, id)
      if (found === undefined) return 'gone'
      if (found.kept.v !== version) return 'conflict'
      const ended = changeOf(await ask(action, 'md', keyOf(id), `C${found.unique}`))
      if (ended === 'done') await create(next, session)
      return ended
    },
    end: async (id) => {
      await ask('end a session', 'md', keyOf(id), '')
    },
    endAll: async (subject) => {
      await ask('end all sessions of a subject', 'md', subjectKey(subject), '')
    },
    stop: async () => connections.forEach(({ connection }) => connection.close()),
  }
}

function keptIn(value: Buffer): Kept {
  try {
    return JSON.parse(value.toString()) as Kept
  } catch (error) {
    throw new CallError(
      'DATA_LOSS',
      'Cannot read a session: another program keeps something else under its key; use another `prefix`',
      {
        cause: error,
      },
    )
  }
}

function changeOf({ code }: Reply): StoreChange {
  return code === 'HD' ? 'done' : code === 'EX' ? 'conflict' : 'gone'
}

function addressOf(server: string): { readonly host: string; readonly port: number } {
  const [, host, port] = /^(\[[\da-f:.]+\]|[^\s:/@]+):(\d{1,5})$/i.exec(server) ?? []
  if (host === undefined || Number(port) > 65_535) throw unusable(`"${server}" is no server; give one as "127.0.0.1:11211"`)
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

function unusable(why: string): TypeError {
  return new TypeError(`Cannot keep sessions in Memcached: ${why}`)
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
