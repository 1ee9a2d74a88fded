import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { Runtime } from '../runtime/runtime.ts'

/** Keys of encrypted values: the first seals, all open, so that they can be changed one after the other. */
export type ConfigKeys = {
  /** Where they come from, for messages. */
  readonly name: string
  /** 32 bytes each. @throws {Error} when there are none, or they are no keys */
  readonly read: () => Promise<readonly Uint8Array[]>
}

const SEALED = '{encrypted}'
const [NONCE, TAG] = [12, 16]

export function isSealed(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith(SEALED)
}

/**
 * Encrypts the value of a key (AES-256-GCM), so that it can stand where others read it. Under another key it opens nothing.
 *
 * @example
 * ```ts
 * import { sealValue } from 'dure/config'
 * import { realRuntime } from 'dure/runtime'
 *
 * const sealed = sealValue('payment.apiKey', 'abc', new Uint8Array(32), realRuntime().random)
 * console.log(sealed.startsWith('{encrypted}'), sealed.includes('abc')) // → true false
 * ```
 */
export function sealValue(name: string, value: string, key: Uint8Array, random: Runtime['random']): string {
  const nonce = random.fill(new Uint8Array(NONCE))
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(name))
  return SEALED + Buffer.concat([nonce, cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64')
}

/** Undefined when none of the keys has sealed it, or it was changed, or it was sealed for another key. */
export function openValue(name: string, sealed: string, keys: readonly Uint8Array[]): string | undefined {
  const bytes = Buffer.from(sealed.slice(SEALED.length), 'base64')
  if (bytes.length < NONCE + TAG) return undefined
  for (const key of keys) {
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE), { authTagLength: TAG })
      decipher.setAAD(Buffer.from(name)).setAuthTag(bytes.subarray(-TAG))
      return Buffer.concat([decipher.update(bytes.subarray(NONCE, -TAG)), decipher.final()]).toString('utf8')
    } catch {
      // Another key may open it.
    }
  }
  return undefined
}
