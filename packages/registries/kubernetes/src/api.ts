/** Asks a kube-apiserver, with the certificates and accounts that its configuration says. */
import { request as askPlain, type IncomingMessage } from 'node:http'
import { request as askSecure, type RequestOptions } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import { RegistryAway } from 'dure/discovery/internal'
import { inTime, readLines, readText, whyFetchFailed } from 'dure/runtime/internal'
import type { Timers } from 'dure/runtime'

export type Json = Readonly<Record<string, unknown>>

export type Api = {
  /** Asks for something, or to change it. @throws {RegistryAway} with the status that it answered */
  readonly ask: (method: 'GET' | 'PATCH' | 'DELETE', path: string, change?: Change) => Promise<Json>
  /** @throws {RegistryAway} with the status that it answered */
  readonly get: (path: string) => Promise<Json>
  /** Each line of an answer that goes on, until it ends. @throws {RegistryAway}, and what `each` throws */
  readonly follow: (path: string, each: (line: Json) => void, signal: AbortSignal) => Promise<void>
}

/** What is sent, and of which media type: how a change is meant. */
export type Change = { readonly body: unknown; readonly type: string }

/** Bytes of an answer, and of a line of one that goes on. */
const MOST = 32 * 1_048_576

export function createApi(options: { readonly config: KubeConfig; readonly timeout: number; readonly timers: Timers }): Api {
  const { config, timeout, timers } = options
  const server = (): string => config.getCurrentCluster()?.server.replace(/\/+$/, '') ?? ''

  const send = async (path: string, signal: AbortSignal, method = 'GET', change?: Change): Promise<IncomingMessage> => {
    const type = change && { 'content-type': change.type }
    const how: RequestOptions = { method, headers: { accept: 'application/json', ...type } }
    // Tokens are read anew, for they are replaced while we run.
    await config.applyToHTTPSOptions(how)
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      const secure = server().startsWith('https:')
      const asked = secure
        ? askSecure(`${server()}${path}`, { ...how, signal })
        : askPlain(`${server()}${path}`, { method, headers: how.headers!, signal })
      asked
        .once('response', resolve)
        .once('error', reject)
        .end(change && JSON.stringify(change.body))
    })
    return response
  }
  const late = (): never => {
    throw new RegistryAway(`it did not answer within ${timeout} ms`)
  }
  const read = async (response: IncomingMessage): Promise<Json> => {
    const text = await readText({ body: response } as unknown as Response, MOST)
    const answer = parse(text)
    const status = response.statusCode!
    if (status === 200 || status === 201) return answer
    throw new RegistryAway(
      `it answered ${status}${typeof answer['message'] === 'string' ? `: ${answer['message'].slice(0, 500)}` : ''}`,
      {
        status,
      },
    )
  }
  const ask: Api['ask'] = async (method, path, change) => {
    const giveUp = new AbortController()
    try {
      return await inTime(timers, timeout, send(path, giveUp.signal, method, change).then(read), late)
    } catch (error) {
      giveUp.abort()
      throw awayOf(error)
    }
  }
  return {
    ask,
    get: (path) => ask('GET', path),
    follow: async (path, each, signal) => {
      let response: IncomingMessage | undefined
      const giveUp = new AbortController()
      try {
        response = await inTime(timers, timeout, send(path, AbortSignal.any([signal, giveUp.signal])), late)
        if (response.statusCode !== 200) await read(response)
        for await (const line of readLines(response, MOST)) each(parse(line))
      } catch (error) {
        giveUp.abort()
        throw awayOf(error)
      } finally {
        response?.destroy()
      }
    },
  }
}

/** @throws {RegistryAway} */
function parse(text: string): Json {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Json
  } catch {
    // Said below.
  }
  throw new RegistryAway('its answer cannot be read')
}

function awayOf(error: unknown): RegistryAway {
  return error instanceof RegistryAway ? error : new RegistryAway(whyFetchFailed(error), { cause: error })
}
