/** Values that are written encrypted, `{cipher}…`, as Spring Cloud Config writes them with a key that both know. */
import { createDecipheriv, pbkdf2Sync } from 'node:crypto'

export type Decrypted = { readonly text: string; readonly why?: undefined } | { readonly text?: undefined; readonly why: string }
export type Decrypt = (value: string) => Decrypted

const MARK = '{cipher}'

export function isCipher(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith(MARK)
}

/**
 * Decrypts what Spring's `encrypt.key` encrypted: AES-256 in CBC, the key by PBKDF2 (HMAC-SHA1, 1,024 rounds) of the password and
 * `encrypt.salt`; 16 bytes of a beginning stand before what is encrypted, all in hexadecimal digits.
 * @param key `encrypt.key`; undefined: nothing can be decrypted
 */
export function springDecrypt(key: string | undefined, salt: string = 'deadbeef'): Decrypt {
  const derived = key === undefined ? undefined : pbkdf2Sync(key, Buffer.from(salt, 'hex'), 1_024, 32, 'sha1')
  return (value) => {
    if (derived === undefined) return { why: 'it is encrypted, and no key was given; give the one that it was encrypted with' }
    const text = value.slice(MARK.length)
    // Names of keys, as a key store has several, and RSA are not of this key.
    if (!/^(?:[\da-f]{32}){2,}$/i.test(text))
      return { why: 'it is not encrypted as a key that both know encrypts: hexadecimal digits of whole blocks' }
    const bytes = Buffer.from(text, 'hex')
    try {
      const decipher = createDecipheriv('aes-256-cbc', derived, bytes.subarray(0, 16))
      const plain = Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()])
      return { text: new TextDecoder('utf-8', { fatal: true }).decode(plain) }
    } catch {
      return { why: 'it cannot be decrypted: it was encrypted with another key, or changed since' }
    }
  }
}
