import { realRuntime, type Runtime } from 'dure/runtime'
import { backoff, readText, whyFetchFailed } from 'dure/runtime/internal'
import { DeployError } from '../errors.ts'
import { isLoopback, type ImageReference } from './reference.ts'

export type RegistryOptions = {
  readonly credentials?: { readonly username: string; readonly password: string } | undefined
  /** Asks without TLS beyond this machine, whose own registries are always asked so. */
  readonly plainHttp?: boolean
  /** How often a request that failed for a while is sent. Default 5. */
  readonly tries?: number
  readonly fetch?: typeof fetch
  readonly runtime?: Pick<Runtime, 'timers' | 'random'>
  readonly signal?: AbortSignal
}

/** What asks a registry, for one repository. */
export type RegistryClient = {
  readonly base: string
  /** Sends it until there is an answer that will not become another. @param ok the statuses that are no error */
  readonly send: (request: Sent, ok: readonly number[]) => Promise<Response>
  /** Does again what failed for a while: all of it, as what it got from the registry before may be gone. */
  readonly retried: <T>(work: () => Promise<T>) => Promise<T>
}

export type Sent = {
  readonly what: string
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT'
  /** Below `/v2/NAME/`, or as the registry said it. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Blob | string
}

/** Longer answers than this are no errors and no tokens. */
const LONGEST = 1 << 20
const TRANSIENT: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504])
const PAUSES = { first: 200, max: 5_000 }

/** What may be well in a while. */
class Unreached extends DeployError {}

export function openRegistry({ host, repository }: ImageReference, options: RegistryOptions = {}): RegistryClient {
  const { credentials, plainHttp = false, tries = 5, fetch: ask = fetch, runtime = realRuntime(), signal } = options
  const origin = `${plainHttp || isLoopback(host) ? 'http' : 'https'}://${host}`
  const base = `${origin}/v2/${repository}/`
  let authorization: string | undefined

  const once = async ({ what, method, path, headers = {}, body }: Sent): Promise<Response> => {
    const url = new URL(path, base)
    // A registry may have blobs put to another place, which must not learn who we are.
    const own = url.origin === new URL(origin).origin && authorization !== undefined ? { authorization } : {}
    try {
      return await ask(url, {
        method,
        headers: { ...headers, ...own },
        ...(body !== undefined && { body }),
        redirect: 'manual',
        signal,
      })
    } catch (cause) {
      if (signal?.aborted === true) throw cause
      throw new Unreached('REGISTRY', `Cannot ${what}: ${whyFetchFailed(cause)}`, { cause })
    }
  }

  const send = async (request: Sent, ok: readonly number[]): Promise<Response> => {
    let response = await once(request)
    if (response.status === 401) {
      await response.body?.cancel()
      authorization = await authorize(response.headers.get('www-authenticate') ?? '')
      response = await once(request)
    }
    if (ok.includes(response.status)) return response
    const said = await readText(response, LONGEST).catch(() => '')
    const why = `Cannot ${request.what}: "${host}" answered ${response.status}${reasonOf(said)}${hintOf(response.status, credentials)}`
    throw TRANSIENT.has(response.status) ? new Unreached('REGISTRY', why) : new DeployError('REGISTRY', why)
  }

  /** What the registry wants to see, by what it says of itself (RFC 6750, RFC 7617). */
  const authorize = async (challenge: string): Promise<string> => {
    const basic = credentials && `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`
    if (/^basic\b/i.test(challenge)) {
      if (basic !== undefined) return basic
      throw new DeployError(
        'REGISTRY',
        `Cannot use the registry "${host}": it asks who we are; run: podman login ${host}, or docker login ${host}`,
      )
    }
    const { realm, service, scope = `repository:${repository}:pull,push` } = parametersOf(challenge)
    if (!/^bearer\b/i.test(challenge) || realm === undefined || !URL.canParse(realm))
      throw new DeployError(
        'REGISTRY',
        `Cannot use the registry "${host}": it asks for "${challenge.slice(0, 80)}", and Basic and Bearer are known`,
      )
    const url = new URL(realm)
    if (url.protocol !== 'https:' && !plainHttp && !isLoopback(url.host))
      throw new DeployError('REGISTRY', `Cannot log in to "${host}": it sends us to "${url.origin}", which is not TLS`)
    if (service !== undefined) url.searchParams.set('service', service)
    url.searchParams.set('scope', scope)
    const response = await ask(url, { headers: basic === undefined ? {} : { authorization: basic }, signal }).catch(
      (cause: unknown) => {
        throw new Unreached('REGISTRY', `Cannot log in to "${host}" at "${url.origin}": ${whyFetchFailed(cause)}`, { cause })
      },
    )
    const text = await readText(response, LONGEST)
    if (!response.ok) {
      const why = `Cannot log in to "${host}": "${url.origin}" answered ${response.status}${reasonOf(text)}${hintOf(response.status, credentials)}`
      throw TRANSIENT.has(response.status) ? new Unreached('REGISTRY', why) : new DeployError('REGISTRY', why)
    }
    const { token, access_token: access = token } = parsed(text)
    if (typeof access === 'string') return `Bearer ${access}`
    throw new DeployError('REGISTRY', `Cannot log in to "${host}": "${url.origin}" answered without a token`)
  }

  return {
    base,
    send,
    retried: async (work) => {
      for (let failed = 1; ; failed++)
        try {
          return await work()
        } catch (error) {
          if (!(error instanceof Unreached) || failed >= tries) throw error
          await runtime.timers.sleep(backoff(PAUSES, failed, runtime.random), signal)
          signal?.throwIfAborted()
        }
    },
  }
}

/** `key="value", key=value` behind the name of the scheme. */
function parametersOf(challenge: string): Readonly<Partial<Record<string, string>>> {
  return Object.fromEntries(
    [...challenge.matchAll(/(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g)].map(([, key = '', quoted, plain]) => [
      key.toLowerCase(),
      quoted?.replaceAll(/\\(.)/g, '$1') ?? plain,
    ]),
  )
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(text) ?? {}) as Readonly<Record<string, unknown>>
  } catch {
    return {}
  }
}

/** Errors have a code and words (OCI Distribution 1.1), and some registries write a page instead. */
function reasonOf(text: string): string {
  const { errors } = parsed(text) as { readonly errors?: unknown }
  const [first] = Array.isArray(errors) ? (errors as readonly ({ code?: unknown; message?: unknown } | null)[]) : []
  const said = [first?.code, first?.message].filter((one) => typeof one === 'string' && one !== '').join(': ')
  return said === '' ? '' : ` (${said.slice(0, 200)})`
}

function hintOf(status: number, credentials: unknown): string {
  if (status === 401 || status === 403)
    return credentials === undefined ? '; log in first, with podman login or docker login' : '; this user may not do it'
  return status === 413 ? '; a limit before the registry is too low' : ''
}
