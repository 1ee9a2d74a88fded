import { verify, type KeyObject } from 'node:crypto'

/** Whether the two first parts of a token were signed by this (base64url). */
export type Verifier = (signed: string, signature: string) => boolean

/** Bits of the shortest key that RFC 7518 has for RSA. */
const SHORTEST_RSA = 2_048
/** RSA_PKCS1_PSS_PADDING and RSA_PSS_SALTLEN_DIGEST: the salt is as long as the hash (RFC 7518, section 3.5). */
const PSS = { padding: 6, saltLength: -1 }

/**
 * What verifies signatures of an algorithm with a key; undefined when the key is too short. In this thread: handing a token to another one
 * and back takes longer than a look at it.
 */
export function verifierOf(algorithm: string, key: KeyObject): Verifier | undefined {
  const rsa = key.asymmetricKeyDetails?.modulusLength
  if (rsa !== undefined && rsa < SHORTEST_RSA) return undefined
  // Ed25519 has its own.
  const hash = algorithm.startsWith('Ed') ? null : `sha${algorithm.slice(2)}`
  const how = formOf(algorithm, key)
  return (signed, signature) => {
    const bytes = Buffer.from(signature, 'base64url')
    // Node leaves out what is not base64url, or is too much: two texts would be one token.
    return bytes.toString('base64url') === signature && verify(hash, Buffer.from(signed, 'latin1'), how, bytes)
  }
}

function formOf(algorithm: string, key: KeyObject): Parameters<typeof verify>[2] {
  if (algorithm.startsWith('ES')) return { key, dsaEncoding: 'ieee-p1363' }
  return algorithm.startsWith('PS') ? { key, ...PSS } : key
}
