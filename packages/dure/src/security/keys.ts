import { KeyObject } from 'node:crypto'
import type { CryptoKey, JSONWebKeySet, JWK } from 'jose'
import { CallError } from '../contract/contract.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { readText, whyFetchFailed } from '../runtime/internal.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import { refusal } from './refusal.ts'
import { verifierOf, type Verifier } from './signature.ts'

/** Milliseconds between two requests that unknown key ids cause, whoever sends them and however many. */
const UNKNOWN = 60_000
/** Milliseconds until an issuer is asked again that has not told any key yet. */
const RETRY = 1_000
const MOST_BYTES = 256 * 1024
const MOST_KEYS = 100

export type IssuerStatus = {
  readonly issuer: string
  /** Ids of its keys. */
  readonly keys: readonly string[]
  /** Milliseconds since they were told; undefined: they never were. */
  readonly age: number | undefined
  /** Requests for them so far, and those that an unknown id has caused. */
  readonly fetches: number
  readonly unknownFetches: number
}

/** The keys of one issuer. */
export type Keys = {
  /**
   * What verifies with the key that a token names, or (undefined) the only one there is for its algorithm.
   * @throws {CallError} UNAUTHENTICATED when there is none, UNAVAILABLE when nobody can know
   */
  readonly find: (id: string | undefined, algorithm: string) => Verifier | Promise<Verifier>
  readonly status: () => IssuerStatus
}

export type KeysOptions = {
  readonly issuer: string
  /** Where they are had, or they themselves; undefined: where the issuer's document says. */
  readonly source: string | JSONWebKeySet | undefined
  readonly algorithms: readonly string[]
  readonly keysFor: number
  readonly refresh: number
  readonly timeout: number
  readonly isAllowed: (url: string) => boolean
  /** Keys are gone: what was signed with them is nobody's word any more. */
  readonly onLess: () => void
  readonly runtime: Runtime
  readonly log: Pick<Logger, 'warn'> | undefined
}

type Known = { readonly id: string | undefined; readonly text: string; readonly byAlgorithm: ReadonlyMap<string, Verifier> }

export function issuerKeys(options: KeysOptions): Keys {
  const { issuer, source, refresh, keysFor } = options
  const { clock } = options.runtime
  let known: readonly Known[] | undefined
  let toldAt = 0
  let askedAt = -Infinity
  let unknownAt = -Infinity
  let underWay: Promise<void> | undefined
  let [fetches, unknownFetches] = [0, 0]

  const take = (next: readonly Known[]): void => {
    const had = known
    known = next
    toldAt = clock.monotonic()
    if (had?.some(({ text }) => !next.some((each) => each.text === text)) === true) options.onLess()
  }
  const load = async (): Promise<void> => {
    askedAt = clock.monotonic()
    if (typeof source !== 'object') fetches++
    const set = typeof source === 'object' ? source : await fetchKeys(options)
    take(await usable(set, options.algorithms))
  }
  /** One at a time, which all wait for that need it. */
  const loading = (): Promise<void> =>
    (underWay ??= load().finally(() => {
      underWay = undefined
    }))
  const loadBehind = (): void =>
    void loading().catch((error: unknown) => options.log?.warn('Cannot get the keys of an issuer', { issuer, error }))

  const pick = (id: string | undefined, algorithm: string): Verifier | undefined => {
    const fit = (known ?? []).flatMap((each) =>
      id === undefined || each.id === id ? (each.byAlgorithm.get(algorithm) ?? []) : [],
    )
    // Without a name none is guessed at.
    return id === undefined && fit.length > 1 ? undefined : fit[0]
  }

  const wait = async (id: string | undefined, algorithm: string): Promise<Verifier> => {
    try {
      await loading()
    } catch (error) {
      options.log?.warn('Cannot get the keys of an issuer', { issuer, error })
      throw known === undefined ? away(issuer, error) : unknownKey()
    }
    const found = pick(id, algorithm)
    if (found === undefined) throw unknownKey()
    return found
  }

  return {
    find: (id, algorithm) => {
      const now = clock.monotonic()
      const isFixed = typeof source === 'object'
      // Its word of long ago is worth nothing: a key that was stolen since would be good for ever.
      if (!isFixed && known !== undefined && now - toldAt > keysFor) known = undefined
      const found = pick(id, algorithm)
      if (found !== undefined) {
        if (!isFixed && now - toldAt > refresh && now - askedAt > UNKNOWN && underWay === undefined) loadBehind()
        return found
      }
      if (known === undefined) {
        if (underWay === undefined && now - askedAt < RETRY) throw away(issuer)
        return wait(id, algorithm)
      }
      if (underWay !== undefined) return wait(id, algorithm)
      if (id === undefined || isFixed || now - unknownAt < UNKNOWN) throw unknownKey()
      unknownAt = now
      unknownFetches++
      return wait(id, algorithm)
    },
    status: () => ({
      issuer,
      keys: (known ?? []).flatMap(({ id }) => id ?? []),
      age: known === undefined ? undefined : clock.monotonic() - toldAt,
      fetches,
      unknownFetches,
    }),
  }
}

function unknownKey(): CallError {
  return refusal('key', 'its issuer has no key that it could be signed with')
}

function away(issuer: string, cause?: unknown): CallError {
  return new CallError(
    'UNAVAILABLE',
    `Cannot tell who calls: the keys of issuer "${issuer}" cannot be had now; try again later`,
    {
      cause,
    },
  )
}

/** Those that verify, for the algorithms that are allowed. What cannot be one is left out: others are as good without it. */
async function usable({ keys }: JSONWebKeySet, algorithms: readonly string[]): Promise<readonly Known[]> {
  if (!Array.isArray(keys)) throw new TypeError('its answer is no set of JSON Web Keys')
  const found: Known[] = []
  for (const jwk of keys.slice(0, MOST_KEYS)) {
    const byAlgorithm = new Map<string, Verifier>()
    for (const algorithm of algorithms) {
      const key = await keyFor(jwk, algorithm)
      if (key !== undefined) byAlgorithm.set(algorithm, key)
    }
    const { kid } = jwk
    if (byAlgorithm.size > 0)
      found.push({ id: typeof kid === 'string' ? kid : undefined, text: JSON.stringify(jwk), byAlgorithm })
  }
  return found
}

const KINDS: Readonly<Record<string, string>> = { RS: 'RSA', PS: 'RSA', ES: 'EC', Ed: 'OKP' }

async function keyFor(jwk: JWK, algorithm: string): Promise<Verifier | undefined> {
  const { kty, use, alg, key_ops: ops } = jwk
  if (kty !== KINDS[algorithm.slice(0, 2)] || (alg !== undefined && alg !== algorithm)) return undefined
  if ((use !== undefined && use !== 'sig') || ops?.includes('verify') === false) return undefined
  const { d: _, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...open } = jwk
  try {
    // It says what is a key for an algorithm, and of which curve.
    // Loaded with the first keys: who has none, as most gateways, does without it.
    const { importJWK } = await import('jose')
    return verifierOf(algorithm, KeyObject.from((await importJWK(open, algorithm)) as CryptoKey))
  } catch {
    return undefined
  }
}

async function fetchKeys(options: KeysOptions): Promise<JSONWebKeySet> {
  const { issuer, source } = options
  if (typeof source === 'string') return (await ask(options, source)) as JSONWebKeySet
  const document = (await ask(options, `${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`)) as Record<
    string,
    unknown
  >
  const url = document['jwks_uri']
  if (document['issuer'] !== issuer) throw new TypeError('its document is of another issuer')
  if (typeof url !== 'string' || !options.isAllowed(url))
    throw new TypeError('its document leads to no place for keys that could be believed')
  return (await ask(options, url)) as JSONWebKeySet
}

async function ask({ runtime, timeout }: KeysOptions, url: string): Promise<object> {
  if (runtime.fetch === undefined) throw new TypeError('this runtime leads to no network; give its "fetch"')
  const end = new AbortController()
  const late = runtime.timers.after(timeout, () => end.abort(new Error(`there was no answer within ${timeout} ms`)))
  try {
    // Elsewhere is not where this was said to be.
    const request = new Request(url, { redirect: 'error', headers: { accept: 'application/json' }, signal: end.signal })
    const response = await runtime.fetch(request)
    if (!response.ok) {
      await response.body?.cancel()
      throw new TypeError(`it answered with status ${response.status}`)
    }
    const value: unknown = JSON.parse(await readText(response, MOST_BYTES))
    if (typeof value !== 'object' || value === null) throw new TypeError('its answer is no object')
    return value
  } catch (error) {
    throw new Error(`"${url}" was asked in vain: ${whyFetchFailed(error)}`, { cause: error })
  } finally {
    late.cancel()
  }
}
