import { createHash } from 'node:crypto'
import type { Principal } from '../contract/contract.ts'
import { copyPrincipal, wrongPrincipal } from '../contract/internal.ts'
import { realRuntime, type Runtime } from '../runtime/runtime.ts'
import { refusal } from './refusal.ts'

/** A key of a program that has no tokens, and what may be done with it. */
export type ApiKey = {
  /** The program. */
  readonly subject: string
  /** SHA-256 of the key, in hexadecimal: whoever reads this has no key. One that is replaced has two for a while, one each. */
  readonly digest: string
  readonly scopes: readonly string[]
  readonly roles?: readonly string[]
  /** When it ends: milliseconds since the epoch. Default: never. */
  readonly expires?: number
}

/**
 * A new key, of 256 random bits, and its digest. The key is shown once, to whoever is to use it; the digest is what is written down.
 *
 * @example
 * ```ts
 * import { newApiKey, security } from 'dure/security'
 *
 * const { key, digest } = newApiKey()
 * const access = security({ apiKeys: [{ subject: 'shop-app', digest, scopes: ['orders:write'] }] })
 * const header = (name: string): string | undefined => (name === 'x-api-key' ? key : undefined)
 * console.log((await access.authenticate({ header }))?.subject) // → shop-app
 * ```
 */
export function newApiKey({ random }: Pick<Runtime, 'random'> = realRuntime()): {
  readonly key: string
  readonly digest: string
} {
  // What it begins with lets programs find one that was published by mistake.
  const key = `dure_${Buffer.from(random.fill(new Uint8Array(32))).toString('base64url')}`
  return { key, digest: digestOf(key) }
}

export type FindApiKey = (digest: string) => ApiKey | undefined | Promise<ApiKey | undefined>

/** @throws {TypeError} when two keys are one, or one cannot be used */
export function apiKeyFinder(keys: readonly ApiKey[]): FindApiKey {
  const found = new Map<string, ApiKey>()
  for (const key of keys) {
    const wrong =
      wrongPrincipal(whoHas(key)) ??
      (/^[0-9a-f]{64}$/.test(key.digest) ? undefined : 'has a digest that is no SHA-256 in hexadecimal')
    if (wrong !== undefined) throw new TypeError(`Cannot use the API key of "${String(key.subject)}": it ${wrong}`)
    if (found.has(key.digest)) throw new TypeError(`Cannot use the API key of "${key.subject}": another has the same digest`)
    found.set(key.digest, key)
  }
  return (digest) => found.get(digest)
}

/** Who has a key. @throws {CallError} UNAUTHENTICATED */
export async function principalWith(sent: string, find: FindApiKey, now: number): Promise<Principal> {
  if (sent.length > 512) throw refusal('too long', 'the API key is longer than any')
  // What is looked up is a digest: how long that takes says nothing of the key.
  const key = await find(digestOf(sent))
  if (key === undefined) throw refusal('key', 'nobody has this API key')
  if (key.expires !== undefined && key.expires <= now) throw refusal('expired', 'the API key has ended')
  return copyPrincipal(whoHas(key))
}

function whoHas({ subject, scopes, roles = [] }: ApiKey): Principal {
  return { subject, kind: 'client', scopes, roles }
}

export function digestOf(key: string): string {
  return createHash('sha256').update(key, 'utf8').digest('hex')
}
