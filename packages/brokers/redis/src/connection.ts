import { createHash } from 'node:crypto'
import { createClient, RESP_TYPES } from '@redis/client'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { CallError } from 'dure/contract'
import type { Runtime } from 'dure/runtime'
import { backoff } from 'dure/runtime/internal'
import type { Logger } from 'dure/telemetry'
import { explain, refusalOf } from './errors.ts'
import type { Script } from './scripts/script.ts'

/** One connection to the server, which is opened again by itself. What is asked while it is lost waits as long as for an answer. */
export type Connection = {
  /** Host and port, for words. */
  readonly where: string
  readonly command: <Reply>(action: string, words: readonly (string | Buffer)[], how?: How) => Promise<Reply>
  readonly run: <Reply>(
    action: string,
    script: Script,
    keys: readonly string[],
    values: readonly (string | number)[],
    how?: How,
  ) => Promise<Reply>
  readonly close: () => void
  /** For those who work by themselves: there is nothing more to be done. */
  readonly isClosed: () => boolean
}

/** Milliseconds for an answer, beyond those of the connection; texts as bytes. */
type How = { readonly longer?: number; readonly bytes?: boolean }

export type ConnectionWorld = { readonly runtime: Runtime; readonly log: Logger }

/** Where the server is, and who comes to it. */
export type RedisServer = {
  /** `redis://host:port/database`, or `rediss://…` for TLS. Default host 127.0.0.1, port 6379, database 0. */
  readonly url: string
  /** Who comes to the server. Default what the url says. */
  readonly credentials?: { readonly username?: string; readonly password: string }
  /** TLS as of `node:tls`, for `rediss://`: `ca`, or `cert` and `key` where the server asks who comes. */
  readonly tls?: ConnectionOptions
  /** What all keys begin with: systems that share a server have one each. Default `dure`. */
  readonly prefix?: string
}

export type Address = {
  readonly url: string
  readonly credentials?: { readonly username?: string; readonly password: string } | undefined
  readonly tls?: ConnectionOptions | undefined
  /** Milliseconds for an answer. */
  readonly timeout: number
}

const RETRY = { first: 50, max: 5_000 }
const BYTES = { [RESP_TYPES.BLOB_STRING]: Buffer }

/** @throws {CallError} what is wrong with the server, or the way to it */
export async function connect(address: Address, { runtime, log }: ConnectionWorld): Promise<Connection> {
  const { where, options } = parse(address)
  const digests = new Map<Script, string>()
  let closed = false

  /** Called when the connection is there. */
  const waiting = new Set<() => void>()
  let trouble: unknown

  const goOn = (): void => {
    waiting.forEach((resolve) => resolve())
    waiting.clear()
  }

  const make = (patient: boolean) => {
    let reached = patient
    const made = createClient({
      ...options,
      RESP: 2,
      // What waits when the connection is lost fails with what was under way: nothing overtakes it.
      disableOfflineQueue: true,
      disableClientInfo: true,
      maintNotifications: 'disabled',
      socket: {
        ...options.socket,
        connectTimeout: address.timeout,
        reconnectStrategy: (failed: number) => (reached && !closed ? backoff(RETRY, failed + 1, runtime.random) : false),
      } as never,
    })
    made.on('ready', () => {
      reached = true
      goOn()
    })
    made.on('error', (error: unknown) => {
      trouble = error
      if (reached && !closed)
        log.warn(`The connection to Redis at ${where} is lost; it is opened again`, {
          error: explain('connect', where, error).message,
        })
    })
    return made
  }

  /** A server that does not answer is left: what it takes after all is as if the answer had been lost. */
  const leave = (which: ReturnType<typeof make>): void => {
    if (client !== which || closed) return
    client = make(true)
    which.destroy()
    client.connect().catch(() => {})
  }

  const ask = async <Reply>(words: readonly (string | Buffer)[], how: How): Promise<Reply> => {
    const longest = address.timeout + (how.longer ?? 0)
    const late = Promise.withResolvers<never>()
    let asked: ReturnType<typeof make> | undefined
    const timer = runtime.timers.after(
      longest,
      () => {
        if (asked === undefined) return late.reject(trouble ?? new Error('Connection timeout'))
        late.reject(new Error(`No answer for ${longest} ms`))
        leave(asked)
      },
      'waited',
    )
    try {
      while (!client.isReady && !closed) await Promise.race([new Promise<void>((resolve) => waiting.add(resolve)), late.promise])
      asked = client
      const sent = asked.sendCommand<Reply>(words, how.bytes === true ? { typeMapping: BYTES } : {})
      return await Promise.race([sent, late.promise])
    } finally {
      timer.cancel()
    }
  }

  const command: Connection['command'] = async (action, words, how = {}) => {
    try {
      return await ask(words, how)
    } catch (error) {
      throw explain(action, where, error)
    }
  }

  let client = make(false)
  try {
    await client.connect()
  } catch (error) {
    client.destroy()
    throw explain('connect', where, error)
  }

  return {
    where,
    command,
    run: async (action, script, keys, values, how = {}) => {
      const digest = digests.get(script) ?? createHash('sha1').update(script.text).digest('hex')
      digests.set(script, digest)
      const rest = [String(keys.length), ...keys, ...values.map(String)]
      try {
        return await command(action, ['EVALSHA', digest, ...rest], how)
      } catch (error) {
        if (!refusalOf(error).startsWith('NOSCRIPT')) throw error
        return command(action, ['EVAL', script.text, ...rest], how)
      }
    },
    isClosed: () => closed,
    close: () => {
      closed = true
      goOn()
      client.destroy()
    },
  }
}

/** @throws {CallError} INVALID_ARGUMENT, which does not repeat the address: there may be a password in it */
function parse({ url, credentials, tls }: Address) {
  const wrong = (why: string): CallError =>
    new CallError(
      'INVALID_ARGUMENT',
      `Cannot connect to Redis: its url ${why}; give "redis://host:port/database", or "rediss://…" for TLS`,
    )
  if (!URL.canParse(url)) throw wrong('cannot be read')
  const { protocol, hostname, port, username, password, pathname } = new URL(url)
  if (protocol !== 'redis:' && protocol !== 'rediss:') throw wrong(`begins with "${protocol}"`)
  const database = pathname.length > 1 ? Number(pathname.slice(1)) : 0
  if (!Number.isInteger(database) || database < 0) throw wrong('names a database that is no number')
  const host = hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1'
  const given =
    credentials ??
    (password === '' ? undefined : { username: decodeURIComponent(username), password: decodeURIComponent(password) })
  const secure = protocol === 'rediss:' || tls !== undefined
  return {
    where: `${hostname || host}:${port || 6379}`,
    options: {
      database,
      ...(given?.username && { username: given.username }),
      ...(given !== undefined && { password: given.password }),
      socket: {
        host,
        port: Number(port || 6379),
        ...(secure && { ...(isIP(host) === 0 && { servername: host }), ...tls, tls: true as const }),
      },
    },
  }
}
