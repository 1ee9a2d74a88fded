import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Principal } from 'dure/contract'
import { copyPrincipal, wrongPrincipal } from 'dure/contract/internal'
import { problem, type Answer } from '../proxy/proxy.ts'
import { filter, type Consumer, type Filter, type GatewayRequest } from '../filter.ts'

export type AuthenticateOptions = {
  /** Whether requests of nobody are passed on. Default false: they are refused with 401. */
  readonly optional?: boolean
  /** What `WWW-Authenticate` says. Default `Bearer`. */
  readonly challenge?: string
}

/**
 * Finds out who sends a request: a consumer; undefined when it does not say; false when it says so and cannot prove it, which is refused
 * in any case.
 *
 * @example
 * ```ts
 * import { authenticate } from '@dure/gateway'
 *
 * const known = authenticate(async ({ header }) => {
 *   const token = header('authorization')?.replace(/^Bearer /, '')
 *   return token === undefined ? undefined : token === 'secret' ? { name: 'shop-app' } : false
 * })
 * console.log(known.name) // → authenticate
 * ```
 */
export function authenticate(
  who: (request: GatewayRequest) => Consumer | undefined | false | Promise<Consumer | undefined | false>,
  { optional = false, challenge = 'Bearer' }: AuthenticateOptions = {},
): Filter {
  const decide = (request: GatewayRequest, found: Consumer | undefined | false): Answer | undefined => {
    if (found) return void request.setConsumer(found)
    if (found === undefined && optional) return undefined
    const why = found === undefined ? 'Say who you are' : 'What you say of who you are is not true, or not any more'
    return problem(401, 'UNAUTHENTICATED', why, { 'www-authenticate': challenge })
  }
  return filter('authenticate', {
    before: (request) => {
      const found = who(request)
      if (!(found instanceof Promise)) return decide(request, found)
      return found.then((later) => decide(request, later)).catch(unknownNow)
    },
  })
}

/** Nobody can know who asks, for a while: that is not the client's fault, nor a fault of the gateway. */
function unknownNow(error: unknown): Answer {
  if ((error as { readonly code?: unknown } | null)?.code !== 'UNAVAILABLE') throw error
  return problem(503, 'UNAVAILABLE', 'Who you are cannot be found out now; try again later', { 'retry-after': '1' })
}

export type ApiKeysOptions = Omit<AuthenticateOptions, 'challenge'> & {
  /**
   * A file of JSON: names of consumers with the SHA-256 of each of their keys, in hexadecimal: `{ "shop-app": ["9f86d0…"] }`; or, where
   * routes ask what a consumer may do, `{ "shop-app": { "keys": ["9f86d0…"], "scopes": ["orders:read"], "roles": [] } }`. No key stands
   * in it, so that who reads it has none.
   */
  readonly file: string
  /** Default `x-api-key`. It is not passed on. */
  readonly header?: string
}

/**
 * Knows consumers by the key that they send. The file is read when the gateway opens, and again with a new filter.
 * @throws {TypeError} when it opens: the file cannot be read, is none, or has one key twice
 *
 * @example
 * ```ts
 * import { apiKeys } from '@dure/gateway'
 *
 * const keys = apiKeys({ file: 'keys.json', optional: true })
 * console.log(keys.name) // → apiKeys
 * ```
 */
export function apiKeys({ file, header = 'x-api-key', optional = false }: ApiKeysOptions): Filter {
  return filter('apiKeys', (world) => {
    const consumers = readKeys(file)
    /** Keys that have been found out: as many as there are in the file, at most. */
    const seen = new Map<string, Consumer>()
    const find = (key: string): Consumer | undefined => {
      const bytes = Buffer.from(key, 'latin1')
      // What is looked up is a digest: how long that takes says nothing of the key.
      const consumer = consumers.get(hash('sha256', bytes, 'hex'))
      // A copy: a part of a text keeps all of it.
      if (consumer !== undefined) seen.set(bytes.toString('latin1'), consumer)
      return consumer
    }
    const known = authenticate(
      (request) => {
        const key = request.header(header)
        if (key === undefined) return undefined
        request.removeHeader(header)
        return seen.get(key) ?? find(key) ?? false
      },
      { optional, challenge: `ApiKey header="${header}"` },
    )
    return known.open(world)
  })
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)
type Written = { readonly keys?: unknown; readonly scopes?: unknown; readonly roles?: unknown }

function readKeys(file: string): ReadonlyMap<string, Consumer> {
  const no = (why: string): never => {
    throw new TypeError(`Cannot read the keys of "${file}": ${why}`)
  }
  let given: unknown
  try {
    given = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    return no((error as Error).message)
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return no('it is no object of consumers')
  const keys = new Map<string, Consumer>()
  for (const [name, about] of Object.entries(given as Readonly<Record<string, unknown>>)) {
    const { keys: digests, scopes = [], roles = [], ...more } = (isObject(about) ? about : { keys: about }) as Written
    const [unknown] = Object.keys(more)
    if (unknown !== undefined) return no(`"${name}" has "${unknown}"; it may have "keys", "scopes" and "roles"`)
    if (!Array.isArray(digests)) return no(`the keys of "${name}" are no list`)
    const principal = { subject: name, kind: 'client', scopes, roles } as Principal
    const wrong = wrongPrincipal(principal)
    if (wrong !== undefined) return no(`"${name}" ${wrong}`)
    const consumer: Consumer = { name, principal: copyPrincipal(principal) }
    for (const digest of digests as readonly unknown[]) {
      if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest))
        return no(`a key of "${name}" is no SHA-256 in hexadecimal`)
      if (keys.has(digest)) return no(`one key is that of "${keys.get(digest)!.name}" and of "${name}"`)
      keys.set(digest, consumer)
    }
  }
  return keys
}
