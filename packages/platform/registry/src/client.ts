/** Asks a Eureka server, Dure's or another one, over HTTP. */
import { RegistryAway } from 'dure/discovery/internal'
import { httpAddress, inTime, readText, whyFetchFailed } from 'dure/runtime/internal'
import type { Runtime } from 'dure/runtime'

export type Answer = { readonly status: number; readonly headers: Headers; readonly text: string }

export type EurekaClient = {
  /** Where it is, without a password. */
  readonly base: string
  /** Answers of 2xx, 404 and 410 come back. @throws {RegistryAway} */
  readonly ask: (
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    path: string,
    more?: { readonly body?: object; readonly wait?: number; readonly signal?: AbortSignal },
  ) => Promise<Answer>
}

/** Bytes of an answer. */
const MOST = 64 * 1_048_576

export function eurekaClient(
  options: {
    readonly url: string
    readonly authorization?: (() => string | Promise<string>) | undefined
    readonly timeout: number
  },
  { timers, fetch }: Pick<Runtime, 'timers' | 'fetch'>,
): EurekaClient {
  const { url, authorization, timeout } = options
  const { base, authorization: own } = httpAddress('registry', url)
  const fetched = fetch ?? ((request: Request) => globalThis.fetch(request))
  return {
    base,
    ask: async (method, path, { body, wait, signal } = {}) => {
      const giveUp = new AbortController()
      const signals = signal === undefined ? giveUp.signal : AbortSignal.any([signal, giveUp.signal])
      const asked = async (): Promise<Answer> => {
        const allowed = authorization === undefined ? own : await authorization()
        const headers = {
          accept: 'application/json',
          ...(body && { 'content-type': 'application/json' }),
          ...(wait !== undefined && { prefer: `wait=${wait}` }),
          ...(allowed !== undefined && { authorization: allowed }),
        }
        const request = new Request(`${base}${path}`, {
          ...{ method, headers, signal: signals, redirect: 'error' },
          ...(body && { body: JSON.stringify(body) }),
        })
        const response = await fetched(request)
        const { status } = response
        const text = await readText(response, MOST)
        if ((status >= 200 && status < 300) || status === 404 || status === 410)
          return { status, headers: response.headers, text }
        throw new RegistryAway(`it answered ${status}${saidIn(text)}`, { status })
      }
      const limit = timeout + (wait ?? 0) * 1000
      const late = (): never => {
        giveUp.abort()
        throw new RegistryAway(`it did not answer within ${limit} ms`)
      }
      try {
        return await inTime(timers, limit, asked(), late)
      } catch (cause) {
        if (cause instanceof RegistryAway) throw cause
        throw new RegistryAway(whyFetchFailed(cause), { cause })
      }
    },
  }
}

/** Dure's registry says in words what it refuses. */
function saidIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown }
    return typeof error === 'string' ? `: ${error.slice(0, 500)}` : ''
  } catch {
    return ''
  }
}
