/** Asks etcd over its own JSON gateway (`/v3/…`): one member of the cluster at a time, the next when that one fails. */
import { Agent as PlainAgent, request as askPlain, type IncomingMessage } from 'node:http'
import { Agent as SecureAgent, request as askSecure } from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import { RegistryAway } from 'dure/discovery/internal'
import { inTime, readLines, readText, whyFetchFailed } from 'dure/runtime/internal'
import type { Timers } from 'dure/runtime'
import type { EtcdAddress } from './address.ts'

/** What is trusted, and who we are, as Node's `tls` takes them. */
export type EtcdTls = Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'passphrase'>

export type Json = Readonly<Record<string, unknown>>

export type Gateway = {
  /** @throws {RegistryAway} */
  readonly ask: (path: string, body: Json) => Promise<Json>
  /** Follows an answer that goes on, each line of it. Ends with it. @throws {RegistryAway}, and what `each` throws */
  readonly follow: (path: string, body: Json, each: (result: Json) => boolean, signal: AbortSignal) => Promise<void>
  readonly close: () => void
}

/** Bytes of an answer, and of one line of one that goes on. */
const MOST = 32 * 1_048_576
/** Connections for questions; what goes on has its own. */
const CONNECTIONS = 8
/** What etcd says of a token that it does not know any more, or that the accounts have changed since. */
const OLD_TOKEN = /invalid auth token|revision of auth store is old|user name is empty/

export function createGateway(options: {
  readonly address: EtcdAddress
  readonly tls: EtcdTls | undefined
  readonly timeout: number
  readonly timers: Timers
}): Gateway {
  const { address, tls = {}, timeout, timers } = options
  const { members, secure, account } = address
  const agent = secure
    ? new SecureAgent({ ...tls, keepAlive: true, maxSockets: CONNECTIONS })
    : new PlainAgent({ keepAlive: true, maxSockets: CONNECTIONS })
  let at = 0
  let token: Promise<string> | undefined

  /** The answer's head, from the member that is asked now. */
  const send = async (path: string, body: Json, signal: AbortSignal, goesOn: boolean): Promise<IncomingMessage> => {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: await token }) }
    const member = at
    const text = JSON.stringify(body)
    const sent = (again: boolean): Promise<IncomingMessage> =>
      new Promise((resolve, reject) => {
        const how = { method: 'POST', headers, signal, agent: goesOn ? false : agent, ...(secure && tls) } as const
        const asked = (secure ? askSecure : askPlain)(`${members[member]}${path}`, how)
        asked.once('response', resolve)
        asked.once('error', (error: NodeJS.ErrnoException) => {
          // A connection that was kept may have been closed in this moment.
          if (asked.reusedSocket && error.code === 'ECONNRESET' && again && !signal.aborted) return resolve(sent(false))
          reject(error)
        })
        asked.end(text)
      })
    try {
      return await inTime(timers, timeout, sent(true), late)
    } catch (error) {
      next(member)
      throw awayOf(error)
    }
  }
  const late = (): never => {
    throw new RegistryAway(`it did not answer within ${timeout} ms`)
  }
  const next = (failed: number): void => {
    if (at === failed) at = (at + 1) % members.length
  }

  const once = async (path: string, body: Json): Promise<Json> => {
    const giveUp = new AbortController()
    const member = at
    const answered = async (): Promise<Json> => {
      const response = await send(path, body, giveUp.signal, false)
      return read(response.statusCode, await textOf(response))
    }
    try {
      return await inTime(timers, timeout, answered(), late)
    } catch (error) {
      giveUp.abort()
      const away = awayOf(error)
      // One that has no leader to ask is no use, though it answers.
      if (away.status === undefined || away.status >= 500) next(member)
      throw away
    }
  }
  const enter = (): void => {
    if (account === undefined) return
    token = undefined
    const entering = once('/v3/auth/authenticate', account).then((answer) => String(answer['token']))
    token = entering
    entering.catch(() => {
      if (token === entering) token = undefined
    })
  }
  /** A token is of one start of etcd, and ends after minutes in which nobody needs it. */
  const allowed = async <T>(work: () => Promise<T>): Promise<T> => {
    if (token === undefined) enter()
    const used = token
    try {
      return await work()
    } catch (error) {
      if (account === undefined || !(error instanceof RegistryAway) || !OLD_TOKEN.test(error.message)) throw error
      if (token === used) enter()
      return work()
    }
  }
  return {
    ask: (path, body) => allowed(() => once(path, body)),
    follow: (path, body, each, signal) =>
      allowed(async () => {
        const response = await send(path, body, signal, true)
        try {
          if (response.statusCode !== 200) read(response.statusCode, await textOf(response))
          for await (const line of readLines(response, MOST)) if (!each(read(200, line))) return
        } catch (error) {
          throw awayOf(error)
        } finally {
          response.destroy()
        }
      }),
    close: () => agent.destroy(),
  }
}

function textOf(response: IncomingMessage): Promise<string> {
  return readText({ body: response } as unknown as Response, MOST)
}

/** @throws {RegistryAway} for what is an error, or no answer of etcd's */
function read(status: number | undefined, text: string): Json {
  let answer: Json | undefined
  try {
    answer = JSON.parse(text) as Json
  } catch {
    // Said below.
  }
  if (typeof answer !== 'object' || answer === null) {
    if (status === 200) throw new RegistryAway('what answers there is no etcd: its answer cannot be read')
    throw new RegistryAway(`it answered ${status}`, status === undefined ? {} : { status })
  }
  const { error, message, result = answer } = answer as { error?: unknown; message?: unknown; result?: Json }
  if (error === undefined && status === 200) return result
  const of = (error ?? {}) as { readonly message?: unknown; readonly http_code?: unknown }
  const why = [message, of.message, error].find((each) => typeof each === 'string') ?? 'an error'
  throw new RegistryAway(`it answered ${status}: ${String(why).slice(0, 500)}`, {
    status: status === 200 ? Number(of.http_code ?? 500) : status!,
  })
}

function awayOf(error: unknown): RegistryAway {
  return error instanceof RegistryAway ? error : new RegistryAway(whyFetchFailed(error), { cause: error })
}
